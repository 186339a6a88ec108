package io.baton.engine.vllm;

import com.fasterxml.jackson.databind.JsonNode;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.io.IOException;
import java.util.Locale;

/**
 * What a vLLM server answers instead of a result, as domain errors. Its error object is {@code {"error": {"message", "type",
 * "param", "code"}}}; servers before 0.10 put the same members at the top.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class VllmErrors {
    private static final int MAX_MESSAGE = 500;

    private VllmErrors() {}

    /** The error of an answer with a status other than 200. */
    static BatonException ofStatus(int status, byte[] body) {
        return of(status, message(body));
    }

    /** The error object of an event in a stream. */
    static BatonException ofEvent(JsonNode error) {
        int code = error.path("code").asInt(500);
        return of(code, shortened(error.path("message").asText("")));
    }

    private static BatonException of(int status, String message) {
        return switch (status) {
            case 400, 422 ->
                new BatonException(
                        isLength(message) ? ErrorCode.CONTEXT_LENGTH_EXCEEDED : ErrorCode.INVALID_REQUEST,
                        message.isEmpty() ? "vLLM refused the request without saying why" : message);
            case 401, 403 ->
                new BatonException(
                        ErrorCode.ENGINE_FAILED,
                        "vLLM refused the worker's API key; set baton.vllm.api-key to what vllm serve --api-key has");
            case 404 ->
                new BatonException(
                        ErrorCode.ENGINE_FAILED,
                        "vLLM does not know the model or the path: " + message
                                + "; check baton.vllm.model and baton.vllm.base-url");
            case 413 -> new BatonException(ErrorCode.REQUEST_TOO_LARGE, "the prompt is too large for vLLM: " + message);
            case 429 -> new BatonException(ErrorCode.QUEUE_FULL, "vLLM takes no more requests now; retry later");
            default ->
                new BatonException(
                        ErrorCode.WORKER_LOST,
                        "vLLM failed with status " + status + (message.isEmpty() ? "" : ": " + message)
                                + "; its log has the cause");
        };
    }

    /** vLLM has no code of its own for a prompt that is too long; its sentences name the limit. */
    private static boolean isLength(String message) {
        String m = message.toLowerCase(Locale.ROOT);
        return m.contains("maximum context length")
                || m.contains("max_model_len")
                || m.contains("maximum model length");
    }

    private static String message(byte[] body) {
        try {
            JsonNode tree = Json.tree(body);
            JsonNode error = tree.path("error");
            return shortened((error.isObject() ? error : tree).path("message").asText(""));
        } catch (IOException e) {
            // A proxy's page, or the text of a dying server: the status says as much as can be said.
            return "";
        }
    }

    private static String shortened(String message) {
        return message.length() <= MAX_MESSAGE ? message : message.substring(0, MAX_MESSAGE) + "…";
    }
}
