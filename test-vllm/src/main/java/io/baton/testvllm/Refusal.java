package io.baton.testvllm;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

/**
 * An answer other than 200, in vLLM's shape ({@code vllm-project/vllm:vllm/entrypoints/openai/engine/protocol.py},
 * {@code ErrorResponse}).
 */
final class Refusal extends RuntimeException {
    private static final long serialVersionUID = 1L;

    private final int status;

    Refusal(int status, String message) {
        super(message);
        this.status = status;
    }

    int status() {
        return status;
    }

    String json() {
        ObjectNode body = new JsonMapper().createObjectNode();
        body.putObject("error")
                .put("message", getMessage())
                .put("type", status >= 500 ? "InternalServerError" : "BadRequestError")
                .putNull("param")
                .put("code", status);
        return body.toString();
    }
}
