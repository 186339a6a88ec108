package io.baton.cli.bench;

import java.util.ArrayList;
import java.util.List;

/**
 * When the tokens of one stream came, on {@link System#nanoTime}.
 *
 * <p><em>Thread-safety:</em> thread-safe.
 */
final class TokenTimes {
    private final List<Long> times = new ArrayList<>();
    /** Indexes of tokens that do not follow the one before: the stream was started again. */
    private final List<Integer> breaks = new ArrayList<>();

    /** A token came now. */
    synchronized void token() {
        times.add(System.nanoTime());
    }

    /** The next token begins a new stream. */
    synchronized void restarted() {
        breaks.add(times.size());
    }

    /** Tokens so far. */
    synchronized int count() {
        return times.size();
    }

    /** Gaps between successive tokens that both came in [from, to], in ns. */
    synchronized List<Long> gaps(long from, long to) {
        List<Long> gaps = new ArrayList<>();
        for (int i = 1; i < times.size(); i++) {
            if (times.get(i - 1) - from >= 0 && to - times.get(i) >= 0 && !breaks.contains(i)) {
                gaps.add(times.get(i) - times.get(i - 1));
            }
        }
        return gaps;
    }
}
