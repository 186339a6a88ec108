package io.baton.router.admission;

import java.util.Locale;

/** Why a request was refused. */
public enum Reason {
    /** The queue of its class is full. */
    QUEUE_FULL,
    /** It waited in a full queue and made room for a tenant that has less in it. */
    DISPLACED,
    /** It waited for too long, or would. */
    MAX_WAIT,
    /** It cannot keep its deadline for the first token. */
    TTFT_DEADLINE,
    /** Its tenant sends requests too fast. */
    REQUEST_RATE,
    /** Its tenant asks for tokens too fast. */
    TOKEN_RATE;

    /** As metrics name it. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
