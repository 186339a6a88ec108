package io.baton.router.admission;

import java.util.Locale;

/** Classes of requests, the first one first. */
public enum Priority {
    /** Before all others. */
    HIGH(0),
    /** What a request is that says nothing. */
    NORMAL(1),
    /** After all others; it gets what they leave, and a guaranteed share. */
    BATCH(2);

    private final int rank;

    Priority(int rank) {
        this.rank = rank;
    }

    /** Its place, from 0. */
    int rank() {
        return rank;
    }

    /** As people write it. */
    public String label() {
        return name().toLowerCase(Locale.ROOT);
    }
}
