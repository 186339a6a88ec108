package io.baton.decode.service.leg;

import io.baton.decode.v1.DecodeResponse;
import io.baton.decode.v1.DecodeToken;
import io.baton.engine.SampledToken;
import io.baton.engine.Tokenizer;
import io.baton.engine.text.Generation;
import io.baton.inference.v1.Completion;
import io.baton.inference.v1.TokenOutput;
import io.baton.worker.WorkerMetrics;
import io.grpc.stub.ServerCallStreamObserver;
import org.jspecify.annotations.Nullable;

/**
 * What a leg says of generated tokens: makes text of them, sees where they end, and holds back what the router does not
 * read yet.
 *
 * <p><em>Thread-safety:</em> none; guarded by its leg.
 */
final class Output {
    private final ServerCallStreamObserver<DecodeResponse> out;
    private final WorkerMetrics metrics;
    private final TokenOutbox outbox;
    private final Generation generation;
    private final TokenLog tokens;
    private long lastTokenNanos;

    Output(
            ServerCallStreamObserver<DecodeResponse> out,
            WorkerMetrics metrics,
            TokenOutbox outbox,
            StartRequest start,
            Tokenizer tokenizer) {
        this.out = out;
        this.metrics = metrics;
        this.outbox = outbox;
        this.generation = new Generation(start.rules(), tokenizer);
        this.tokens = new TokenLog(start.history());
    }

    /** Prompt and everything generated after it. */
    TokenLog tokens() {
        return tokens;
    }

    /** Takes up what was generated elsewhere and sends what of it was not sent; says how it ended, if it had. */
    @Nullable
    Completion replay(StartRequest start) {
        return said(generation.replay(start.generated(), start.tokensSent(), start.textBytesSent()));
    }

    /** The sequence is in the batch; the gap before the first token counts from here. */
    void joined(long now) {
        lastTokenNanos = now;
    }

    /** Sends a token; says how the generation ended, if it was the last. */
    @Nullable
    Completion token(SampledToken token) {
        long now = System.nanoTime();
        metrics.generated();
        metrics.interToken(now - lastTokenNanos);
        lastTokenNanos = now;
        tokens.add(token.id());
        return said(generation.accept(token));
    }

    /** Ends the generation where it is; the text that was held back for a stop string goes with the end. */
    Generation.Step cutOff() {
        return generation.finish();
    }

    private @Nullable Completion said(Generation.Step step) {
        TokenOutput output = step.output();
        if (!output.getTokenIds().isEmpty() || !output.getText().isEmpty()) {
            outbox.add(output);
            flush();
        }
        return step.completion();
    }

    /** Sends what waits if the router reads. */
    void flush() {
        if (out.isReady()) {
            sendWaiting();
        }
    }

    /** Sends what waits. */
    void sendWaiting() {
        TokenOutput waiting = outbox.take();
        if (waiting != null) {
            out.onNext(DecodeResponse.newBuilder()
                    .setToken(DecodeToken.newBuilder().setOutput(waiting))
                    .build());
        }
    }
}
