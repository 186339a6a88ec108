package io.baton.router.fleet;

/**
 * What this router has sent to a worker and the worker cannot have reported yet. A leg counts from when it is opened until the
 * first report after the worker answered it: the answer comes when the worker counts the leg itself, and messages of one
 * connection keep their order.
 *
 * <p><em>Thread-safety:</em> safe. Readers may see the sums of different moments.
 */
public final class InFlight {
    private int unansweredLegs;
    private long unansweredTokens;
    private long unansweredCells;
    private int answeredLegs;
    private long answeredTokens;
    private long answeredCells;
    private volatile int legs;
    private volatile long tokens;
    private volatile long cells;

    /** A leg, and how far the worker is with it. Its methods may be called from any thread. */
    public final class Entry {
        private final int legTokens;
        private final int legCells;
        private boolean counted = true;

        private Entry(int legTokens, int legCells) {
            this.legTokens = legTokens;
            this.legCells = legCells;
        }

        /** The worker has answered: it counts the leg itself, in the next report. */
        public void answered() {
            synchronized (InFlight.this) {
                if (take()) {
                    answeredLegs++;
                    answeredTokens += legTokens;
                    answeredCells += legCells;
                    publish();
                }
            }
        }

        /** The leg is over. */
        public void closed() {
            synchronized (InFlight.this) {
                if (take()) {
                    publish();
                }
            }
        }

        private boolean take() {
            if (!counted) {
                return false;
            }
            counted = false;
            unansweredLegs--;
            unansweredTokens -= legTokens;
            unansweredCells -= legCells;
            return true;
        }
    }

    /**
     * A leg is being opened.
     *
     * @param legTokens prompt tokens that it may compute
     * @param legCells cells that it reserves
     */
    public Entry opened(int legTokens, int legCells) {
        synchronized (this) {
            unansweredLegs++;
            unansweredTokens += legTokens;
            unansweredCells += legCells;
            publish();
        }
        return new Entry(legTokens, legCells);
    }

    /** The worker has reported: what it had answered is in the report. */
    void reported() {
        synchronized (this) {
            answeredLegs = 0;
            answeredTokens = 0;
            answeredCells = 0;
            publish();
        }
    }

    private void publish() {
        legs = unansweredLegs + answeredLegs;
        tokens = unansweredTokens + answeredTokens;
        cells = unansweredCells + answeredCells;
    }

    /** Legs that no report counts. */
    public int legs() {
        return legs;
    }

    /** Prompt tokens of those legs. */
    public long tokens() {
        return tokens;
    }

    /** Cells of those legs. */
    public long cells() {
        return cells;
    }
}
