package io.baton.engine.vllm;

import java.net.URI;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Where a vLLM server is and how long and large its answers may be.
 *
 * @param baseUrl without a path, for instance {@code http://127.0.0.1:8200}
 * @param apiKey what {@code vllm serve --api-key} was given; null for none
 * @param connectTimeout longest wait for a connection
 * @param tokenizeTimeout longest wait for the answer to a small question: models, tokens, metrics
 * @param prefillTimeout longest wait for a prefill's answer, and for the begin of a stream
 * @param idleTimeout longest silence of a stream that has begun
 * @param healthTimeout longest wait for the answer of /health
 * @param maxResponse most bytes of an answer that is no stream
 * @param maxEvent most bytes of one event of a stream
 * @param maxParams most bytes of kv_transfer_params
 */
public record VllmEndpoint(
        URI baseUrl,
        @Nullable String apiKey,
        Duration connectTimeout,
        Duration tokenizeTimeout,
        Duration prefillTimeout,
        Duration idleTimeout,
        Duration healthTimeout,
        int maxResponse,
        int maxEvent,
        int maxParams) {
    URI uri(String path) {
        return baseUrl.resolve(path);
    }
}
