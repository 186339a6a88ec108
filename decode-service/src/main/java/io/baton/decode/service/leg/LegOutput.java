package io.baton.decode.service.leg;

import io.baton.decode.v1.DecodeFinished;
import io.baton.decode.v1.DecodeResponse;
import io.baton.decode.v1.DecodeStopped;
import io.baton.decode.v1.DecodeToken;
import io.baton.engine.SampledToken;
import io.baton.engine.text.Generation;
import io.baton.inference.v1.Completion;
import io.baton.inference.v1.TokenOutput;
import io.baton.worker.WorkerRuntime;
import io.grpc.stub.ServerCallStreamObserver;
import org.jspecify.annotations.Nullable;

/**
 * What a leg generates on its way to the router: tokens become text, wait for a router that is slow to read, and end with
 * Finished.
 *
 * <p><em>Thread-safety:</em> none; guarded by its leg.
 */
final class LegOutput {
    private final WorkerRuntime worker;
    private final ServerCallStreamObserver<DecodeResponse> out;
    private final TokenOutbox outbox;
    private final StartRequest start;
    private final Generation generation;
    private final TokenLog tokens;
    private long lastTokenNanos;

    /** The output of a generation that has begun; at most {@code outboxTokens} tokens wait for the router. */
    LegOutput(
            WorkerRuntime worker, ServerCallStreamObserver<DecodeResponse> out, int outboxTokens, StartRequest start) {
        this.worker = worker;
        this.out = out;
        this.outbox = new TokenOutbox(outboxTokens);
        this.start = start;
        this.generation = new Generation(start.rules(), worker.engine().tokenizer());
        this.tokens = new TokenLog(start.history());
    }

    /** All tokens so far: prompt, then generated. */
    TokenLog tokens() {
        return tokens;
    }

    /** Says what was generated elsewhere and not sent; returns how the generation ended if it has. */
    @Nullable
    Completion replay() {
        return send(generation.replay(start.generated(), start.tokensSent(), start.textBytesSent()));
    }

    /** The sequence has joined the batch: the first token is counted from here. */
    void joined(long now) {
        lastTokenNanos = now;
    }

    /** Says the first token of a prompt that was computed here; returns how the generation ended if it has. */
    @Nullable
    Completion first(SampledToken token) {
        joined(System.nanoTime());
        return say(token);
    }

    /** Says one token; returns how the generation ended if it has. */
    @Nullable
    Completion token(SampledToken token) {
        long now = System.nanoTime();
        worker.metrics().interToken(now - lastTokenNanos);
        lastTokenNanos = now;
        return say(token);
    }

    private @Nullable Completion say(SampledToken token) {
        worker.metrics().generated();
        tokens.add(token.id());
        return send(generation.accept(token));
    }

    /** No more tokens fit: the end, with the text that was held back until now. */
    Generation.Step usedUp() {
        return generation.finish();
    }

    private @Nullable Completion send(Generation.Step step) {
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

    /** Sends what waits, whether the router reads or not: it is to know of it before it hears something else. */
    void flushAll() {
        sendWaiting();
    }

    /** Sends what waits, whether the router reads or not: no token follows. */
    void stopped() {
        sendWaiting();
        out.onNext(DecodeResponse.newBuilder()
                .setStopped(DecodeStopped.getDefaultInstance())
                .build());
    }

    /** The last message: what waits goes out before it, whether the router reads or not. */
    void finished(DecodeFinished finished) {
        sendWaiting();
        out.onNext(DecodeResponse.newBuilder().setFinished(finished).build());
    }

    private void sendWaiting() {
        TokenOutput waiting = outbox.take();
        if (waiting != null) {
            out.onNext(DecodeResponse.newBuilder()
                    .setToken(DecodeToken.newBuilder().setOutput(waiting))
                    .build());
        }
    }
}
