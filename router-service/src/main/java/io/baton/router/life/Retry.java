package io.baton.router.life;

import io.baton.error.ErrorCode;

/** Which failures of a leg another worker may not have. */
final class Retry {
    private Retry() {}

    /** Whether the hand-over failed and neither worker need be at fault: the same pair may succeed with a new KV cache. */
    static boolean handOverFailed(ErrorCode code) {
        return switch (code) {
            case PULL_FAILED, BLOCK_NOT_FOUND, BLOCK_SPENT, LEASE_EXPIRED, EPOCH_MISMATCH, BLOCK_CORRUPT -> true;
            default -> false;
        };
    }

    /** Whether nobody was at fault: there is only no place for the request at the moment. */
    static boolean lacksPlace(ErrorCode code) {
        return switch (code) {
            case NO_WORKER, KV_FULL, QUEUE_FULL, DRAINING -> true;
            default -> false;
        };
    }

    static boolean elsewhere(ErrorCode code) {
        return switch (code) {
            case KV_FULL,
                    QUEUE_FULL,
                    NO_WORKER,
                    DRAINING,
                    WORKER_LOST,
                    BLOCK_NOT_FOUND,
                    BLOCK_SPENT,
                    LEASE_EXPIRED,
                    EPOCH_MISMATCH,
                    RECEIVER_MISMATCH,
                    ROLE_REFUSED,
                    TENANT_MISMATCH,
                    DESCRIPTOR_FORGED,
                    DESCRIPTOR_REFUSED,
                    LAYOUT_MISMATCH,
                    BLOCK_CORRUPT,
                    PULL_FAILED -> true;
            case INVALID_REQUEST,
                    MODEL_NOT_FOUND,
                    CONTEXT_LENGTH_EXCEEDED,
                    REQUEST_TOO_LARGE,
                    INVALID_API_KEY,
                    RATE_LIMITED,
                    TTFT_DEADLINE,
                    CLIENT_TOO_SLOW,
                    DEADLINE_EXCEEDED,
                    CANCELLED,
                    PROTOCOL_VIOLATION,
                    ENGINE_FAILED,
                    INTERNAL -> false;
        };
    }
}
