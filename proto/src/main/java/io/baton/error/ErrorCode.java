package io.baton.error;

import io.grpc.Status;

/**
 * Every error that Baton reports over a wire. Each has one gRPC status, one HTTP status and the {@code type} of OpenAI's
 * error object. The name travels in the trailer {@value BatonException#CODE_KEY_NAME}.
 */
public enum ErrorCode {
    /** A field of the request is wrong; the message names it. */
    INVALID_REQUEST(Status.Code.INVALID_ARGUMENT, 400, "invalid_request_error"),
    /** The request names a model that nobody serves. */
    MODEL_NOT_FOUND(Status.Code.NOT_FOUND, 404, "invalid_request_error"),
    /** Prompt, or prompt and max_tokens, do not fit the context. */
    CONTEXT_LENGTH_EXCEEDED(Status.Code.OUT_OF_RANGE, 400, "invalid_request_error"),
    /** The request has no API key, or one that is not known. */
    INVALID_API_KEY(Status.Code.UNAUTHENTICATED, 401, "invalid_request_error"),
    /** A message or body is larger than the limit. */
    REQUEST_TOO_LARGE(Status.Code.RESOURCE_EXHAUSTED, 413, "invalid_request_error"),
    /** No cells for the request now; retry later. */
    KV_FULL(Status.Code.RESOURCE_EXHAUSTED, 429, "rate_limit_error"),
    /** A bounded queue is full; retry later. */
    QUEUE_FULL(Status.Code.RESOURCE_EXHAUSTED, 429, "rate_limit_error"),
    /** The tenant sends requests, or asks for tokens, faster than it may; retry later. */
    RATE_LIMITED(Status.Code.RESOURCE_EXHAUSTED, 429, "rate_limit_error"),
    /** The first token cannot come within the time that the client allows; retry later. */
    TTFT_DEADLINE(Status.Code.RESOURCE_EXHAUSTED, 429, "rate_limit_error"),
    /** The client reads its stream too slowly; it was cut. */
    CLIENT_TOO_SLOW(Status.Code.RESOURCE_EXHAUSTED, 408, "invalid_request_error"),
    /** No worker of a role that the request needs is ready. */
    NO_WORKER(Status.Code.UNAVAILABLE, 503, "service_unavailable_error"),
    /** The worker takes no new work. */
    DRAINING(Status.Code.UNAVAILABLE, 503, "service_unavailable_error"),
    /** A worker of the request was lost. */
    WORKER_LOST(Status.Code.UNAVAILABLE, 503, "service_unavailable_error"),
    /** The request took longer than its deadline. */
    DEADLINE_EXCEEDED(Status.Code.DEADLINE_EXCEEDED, 504, "timeout_error"),
    /** The client, or the other leg, gave up. */
    CANCELLED(Status.Code.CANCELLED, 499, "cancelled"),
    /** A KV block is not held here (any more). */
    BLOCK_NOT_FOUND(Status.Code.NOT_FOUND, 502, "kv_transfer_error"),
    /** A KV block was given back by its receiver; its descriptor is spent. */
    BLOCK_SPENT(Status.Code.NOT_FOUND, 502, "kv_transfer_error"),
    /** The lease on a KV block was not renewed in time. */
    LEASE_EXPIRED(Status.Code.NOT_FOUND, 502, "kv_transfer_error"),
    /** A KV descriptor is of a holder that was restarted since. */
    EPOCH_MISMATCH(Status.Code.FAILED_PRECONDITION, 502, "kv_transfer_error"),
    /** A KV descriptor is for another receiver. */
    RECEIVER_MISMATCH(Status.Code.PERMISSION_DENIED, 502, "kv_transfer_error"),
    /** The caller's certificate is of a role that may not make the call. */
    ROLE_REFUSED(Status.Code.PERMISSION_DENIED, 502, "internal_error"),
    /** A KV descriptor is of another tenant. */
    TENANT_MISMATCH(Status.Code.PERMISSION_DENIED, 502, "kv_transfer_error"),
    /** A KV descriptor's signature is missing, by an unknown key, or not that of its contents. */
    DESCRIPTOR_FORGED(Status.Code.PERMISSION_DENIED, 502, "kv_transfer_error"),
    /** A KV descriptor is of another request, position or kind, or contradicts itself. */
    DESCRIPTOR_REFUSED(Status.Code.FAILED_PRECONDITION, 502, "kv_transfer_error"),
    /** Two workers' KV layouts or models differ. */
    LAYOUT_MISMATCH(Status.Code.FAILED_PRECONDITION, 502, "kv_transfer_error"),
    /** The bytes of a KV block are not those that were described. */
    BLOCK_CORRUPT(Status.Code.DATA_LOSS, 502, "kv_transfer_error"),
    /** A KV block could not be pulled. */
    PULL_FAILED(Status.Code.ABORTED, 502, "kv_transfer_error"),
    /** The peer broke the protocol: a message out of order or missing a field. */
    PROTOCOL_VIOLATION(Status.Code.FAILED_PRECONDITION, 502, "internal_error"),
    /** The engine refused to load a model or library, or failed while computing. */
    ENGINE_FAILED(Status.Code.INTERNAL, 500, "internal_error"),
    /** Something that should not happen; the log has the cause. */
    INTERNAL(Status.Code.INTERNAL, 500, "internal_error");

    private final Status.Code grpc;
    private final int http;
    private final String openAiType;

    ErrorCode(Status.Code grpc, int http, String openAiType) {
        this.grpc = grpc;
        this.http = http;
        this.openAiType = openAiType;
    }

    /** The gRPC status code. */
    public Status.Code grpc() {
        return grpc;
    }

    /** The HTTP status code. */
    public int http() {
        return http;
    }

    /** The {@code type} field of OpenAI's error object. */
    public String openAiType() {
        return openAiType;
    }

    /** Whether the same request may succeed later without a change. */
    public boolean retryable() {
        return http == 429 || http == 503 || http == 502;
    }
}
