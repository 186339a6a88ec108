package io.baton.engine.vllm;

import com.fasterxml.jackson.databind.JsonNode;
import io.baton.engine.text.TokenIds;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.Completion;
import io.baton.inference.v1.TokenOutput;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Reads the stream of one generation: messages with tokens, one with finish_reason, one with the usage, {@code [DONE]}. A
 * stream that ends without finish_reason and {@code [DONE]} was broken off, whatever its HTTP status was.
 *
 * <p><em>Thread-safety:</em> none; one thread reads.
 */
final class CompletionStream {
    private static final String DONE = "[DONE]";

    private final Events events;
    private final int topLogprobs;
    private final StreamListener listener;
    private int tokens;
    private int lastToken = -1;
    private int cachedTokens = -1;
    private @Nullable Completion completion;

    CompletionStream(Events events, int topLogprobs, StreamListener listener) {
        this.events = events;
        this.topLogprobs = topLogprobs;
        this.listener = listener;
    }

    /** Reads to the end. vLLM sends its headers at once, so the first message may take as long as a prefill. */
    void read(Duration first, Duration idle) throws IOException, InterruptedException {
        Duration patience = first;
        for (String event = events.next(patience); event != null; event = events.next(patience)) {
            if (event.equals(DONE)) {
                end();
                return;
            }
            message(tree(event));
            patience = idle;
        }
        throw new IOException("it ended a stream early");
    }

    private static JsonNode tree(String event) {
        try {
            return Json.tree(event.getBytes(StandardCharsets.UTF_8));
        } catch (IOException e) {
            throw new BatonException(ErrorCode.ENGINE_FAILED, "vLLM sent an event that is no JSON", e);
        }
    }

    private void message(JsonNode message) throws InterruptedException {
        JsonNode error = message.path("error");
        if (error.isObject()) {
            throw VllmErrors.ofEvent(error);
        }
        cachedTokens = Math.max(cachedTokens, VllmClient.cachedTokens(message));
        JsonNode choice = message.path("choices").path(0);
        if (choice.isMissingNode()) {
            return;
        }
        if (completion != null) {
            throw Choice.unexpected("tokens after the finish_reason");
        }
        Choice read = Choice.of(choice, tokens, lastToken, topLogprobs);
        completion = read.completion();
        TokenOutput output = read.output();
        int[] ids = TokenIds.decode(output.getTokenIds(), Integer.MAX_VALUE, "token_ids");
        if (ids.length > 0) {
            tokens += ids.length;
            lastToken = ids[ids.length - 1];
        }
        if (ids.length > 0 || !output.getText().isEmpty()) {
            listener.onOutput(output);
        }
    }

    private void end() throws IOException, InterruptedException {
        Completion how = completion;
        if (how == null) {
            throw new IOException("it ended a stream without a finish_reason");
        }
        listener.onFinished(how, cachedTokens);
    }
}
