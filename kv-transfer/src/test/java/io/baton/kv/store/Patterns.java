package io.baton.kv.store;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Contents that tell whose memory it is. Sizes are multiples of 8. */
final class Patterns {
    private Patterns() {}

    static void fill(MemorySegment rows, long owner) {
        for (long at = 0; at < rows.byteSize(); at += 8) {
            rows.set(ValueLayout.JAVA_LONG, at, owner);
        }
    }

    /** Fails unless every word is the owner's: somebody else wrote to memory that is held. */
    static void check(MemorySegment rows, long owner) {
        for (long at = 0; at < rows.byteSize(); at += 8) {
            long found = rows.get(ValueLayout.JAVA_LONG, at);
            if (found != owner) {
                throw new AssertionError(
                        "word " + at / 8 + " of " + rows.byteSize() / 8 + " of block " + owner + " is of " + found);
            }
        }
    }
}
