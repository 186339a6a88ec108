package io.baton.router.life;

import io.baton.error.ErrorCode;

/** Which failures of a leg another worker may not have. */
final class Retry {
    private Retry() {}

    /** Whether the hand-over failed and neither worker need be at fault: the same pair may succeed with a new KV cache. */
    static boolean handOverFailed(ErrorCode code) {
        return code == ErrorCode.PULL_FAILED || code == ErrorCode.BLOCK_NOT_FOUND || code == ErrorCode.LEASE_EXPIRED;
    }

    static boolean elsewhere(ErrorCode code) {
        return switch (code) {
            case KV_FULL,
                    QUEUE_FULL,
                    NO_WORKER,
                    DRAINING,
                    WORKER_LOST,
                    BLOCK_NOT_FOUND,
                    DESCRIPTOR_REFUSED,
                    SIGNATURE_INVALID,
                    RECEIVER_MISMATCH,
                    TENANT_MISMATCH,
                    EPOCH_MISMATCH,
                    LEASE_EXPIRED,
                    BLOCK_SPENT,
                    LAYOUT_MISMATCH,
                    BLOCK_CORRUPT,
                    PULL_FAILED -> true;
            case INVALID_REQUEST,
                    MODEL_NOT_FOUND,
                    CONTEXT_LENGTH_EXCEEDED,
                    REQUEST_TOO_LARGE,
                    DEADLINE_EXCEEDED,
                    CANCELLED,
                    PROTOCOL_VIOLATION,
                    ENGINE_FAILED,
                    INTERNAL -> false;
        };
    }
}
