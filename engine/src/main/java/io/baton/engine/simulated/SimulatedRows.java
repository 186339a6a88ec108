package io.baton.engine.simulated;

import static io.baton.engine.sampling.CounterRandom.mix;

import io.baton.engine.KvLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;

/**
 * The KV rows of one sequence, and a hash over all of their bytes in order.
 *
 * <p>The rows of a computed token follow from the hash before it and the token, so they are a function of the token prefix
 * as long as every row is. A row that was damaged on the way changes everything after it.
 *
 * <p><em>Thread-safety:</em> none; the engine thread owns it. Memory is heap memory, in pages of 64 tokens.
 */
final class SimulatedRows {
    private static final int PAGE_TOKENS = 64;

    private final KvLayout layout;
    private final int bytesPerToken;
    private final List<byte[]> pages = new ArrayList<>();
    private int length;
    private long state;

    SimulatedRows(KvLayout layout, long seed) {
        this.layout = layout;
        this.bytesPerToken = Math.toIntExact(layout.bytesPerToken());
        this.state = mix(seed);
    }

    int length() {
        return length;
    }

    /** The hash over all rows. */
    long state() {
        return state;
    }

    /** Computes the rows of the next token. */
    void compute(int token) {
        ByteBuffer row = row(length, true);
        long x = mix(state ^ mix(token + 1L));
        for (int i = 0; i < bytesPerToken; i += Long.BYTES) {
            row.putLong(i, mix(x + i));
        }
        fold();
    }

    /** Appends {@code tokens} rows. */
    void append(MemorySegment rows, int tokens) {
        int first = length;
        for (int t = 0; t < tokens; t++) {
            // Filled before they are folded in: the rows of one token lie in several places of the source.
            row(first + t, true);
        }
        copy(first, first + tokens, rows, true);
        for (int t = 0; t < tokens; t++) {
            fold();
        }
    }

    /** Writes the rows of [begin, end). */
    void read(int begin, int end, MemorySegment target) {
        copy(begin, end, target, false);
    }

    private void copy(int begin, int end, MemorySegment outside, boolean in) {
        int tokens = end - begin;
        long outsideAt = 0;
        int insideAt = 0;
        for (int layer = 0; layer < layout.layers(); layer++) {
            for (int kv = 0; kv < 2; kv++) {
                int bytes = kv == 0 ? layout.kRowBytes()[layer] : layout.vRowBytes()[layer];
                for (int t = 0; t < tokens; t++) {
                    byte[] page = pages.get((begin + t) / PAGE_TOKENS);
                    int at = (begin + t) % PAGE_TOKENS * bytesPerToken + insideAt;
                    if (in) {
                        MemorySegment.copy(outside, ValueLayout.JAVA_BYTE, outsideAt, page, at, bytes);
                    } else {
                        MemorySegment.copy(page, at, outside, ValueLayout.JAVA_BYTE, outsideAt, bytes);
                    }
                    outsideAt += bytes;
                }
                insideAt += bytes;
            }
        }
    }

    /** Takes the row at {@code length} into the hash. */
    private void fold() {
        ByteBuffer row = row(length, false);
        long s = state;
        for (int i = 0; i < bytesPerToken; i += Long.BYTES) {
            s = mix(s ^ row.getLong(i)) + i;
        }
        state = s;
        length++;
    }

    private ByteBuffer row(int position, boolean create) {
        int page = position / PAGE_TOKENS;
        while (create && page >= pages.size()) {
            pages.add(new byte[PAGE_TOKENS * bytesPerToken]);
        }
        return ByteBuffer.wrap(pages.get(page), position % PAGE_TOKENS * bytesPerToken, bytesPerToken)
                .slice()
                .order(ByteOrder.LITTLE_ENDIAN);
    }
}
