package io.baton.router.life;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;

/** Errors of peers that break the protocol. */
final class Violations {
    private Violations() {}

    static BatonException unexpected(String role, Event event, String state) {
        return new BatonException(
                ErrorCode.PROTOCOL_VIOLATION,
                role + " worker: " + event.getClass().getSimpleName() + " while " + state
                        + "; the worker's version may differ from the router's");
    }

    static BatonException noBlock(String role) {
        return bad(role, "said that blocks are ready, and described none");
    }

    static BatonException bad(String role, String what) {
        return new BatonException(ErrorCode.PROTOCOL_VIOLATION, role + " worker: " + what);
    }
}
