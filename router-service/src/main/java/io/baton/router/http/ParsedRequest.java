package io.baton.router.http;

import io.baton.inference.v1.GenerateRequest;
import java.util.List;

/**
 * A request of the HTTP API.
 *
 * @param generations one per choice, in the order of the choices; model and seed are set
 * @param perPrompt choices per prompt
 * @param stream whether the answer is an event stream
 * @param includeUsage whether the stream ends with a chunk of usage
 */
record ParsedRequest(
        ApiKind kind,
        String model,
        List<GenerateRequest> generations,
        int perPrompt,
        boolean stream,
        boolean includeUsage) {
    ParsedRequest {
        generations = List.copyOf(generations);
    }

    boolean logprobs() {
        return generations.getFirst().hasTopLogprobs();
    }
}
