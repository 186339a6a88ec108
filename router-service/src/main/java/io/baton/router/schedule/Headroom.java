package io.baton.router.schedule;

import io.baton.worker.v1.WorkerRole;

/**
 * How much more a fleet takes before requests would only queue at its workers.
 *
 * @param maxBacklog seconds of prompts at a prefill worker up to which it gets more
 * @param promptsPerWorker prompts that a prefill worker gets however long they are, at least 1
 * @param maxWaiting legs that may wait at a prefill worker, at least 1
 * @param reserve part of the prefill workers that is kept for tenants that have had less than their share, 0 to below 1
 * @param decodeComputes whether decode workers compute prompts, too, where they can
 */
public record Headroom(
        double maxBacklog, int promptsPerWorker, int maxWaiting, double reserve, boolean decodeComputes) {
    /** Refuses limits that make no sense. */
    public Headroom {
        if (!(maxBacklog >= 0) || promptsPerWorker < 1 || maxWaiting < 1 || !(reserve >= 0 && reserve < 1)) {
            throw new IllegalArgumentException(
                    "baton.router.admission.max-backlog must be at least 0, prompts-per-worker and max-waiting at least 1, "
                            + "reserve 0 to below 1; not " + maxBacklog + " s, " + promptsPerWorker + ", " + maxWaiting
                            + ", " + reserve);
        }
    }

    /**
     * What was sent and is not in the fleet's view yet.
     *
     * @param requests how many
     * @param tokens tokens of their prompts
     * @param cells cells that they need on decode
     */
    public record Sent(int requests, long tokens, long cells) {
        /** Nothing is on its way. */
        public static final Sent NOTHING = new Sent(0, 0, 0);
    }

    /**
     * Whether a request has room: some prefill worker is not busy for long, and some decode worker has the cells. Where no
     * worker of a role takes work, or none could ever have so many cells, waiting would not help, and it has room.
     *
     * @param promptTokens tokens of its prompt
     * @param cells cells that it needs on decode; 0 if it needs no decode worker
     */
    public boolean has(FleetView fleet, String model, int promptTokens, int cells, Sent sent) {
        return takesPrompt(fleet, model, promptTokens, sent) && takesStream(fleet, model, cells, sent.cells);
    }

    private boolean takesPrompt(FleetView fleet, String model, int promptTokens, Sent sent) {
        int prefillWorkers = 0;
        boolean anyDecode = false;
        long load = 0;
        long prompts = 0;
        long local = 0;
        long legs = 0;
        double tokens = 0;
        for (int i = 0, n = fleet.size(); i < n; i++) {
            Candidate worker = fleet.get(i);
            int waiting = worker.waiting() + fleet.pendingLegs(i);
            boolean small = free(fleet, i) < promptTokens && promptTokens <= worker.cells();
            if (serves(worker, WorkerRole.WORKER_ROLE_PREFILL, model)) {
                prefillWorkers++;
                load += waiting + worker.running();
                prompts += small ? 0 : Math.max(0, promptsPerWorker - waiting - worker.running());
                if (waiting < maxWaiting && !small) {
                    legs += maxWaiting - waiting;
                    tokens += tokens(worker.rates(), worker.queuedTokens() + fleet.pendingTokens(i), waiting);
                }
            } else if (decodeComputes
                    && worker.computesPrompts()
                    && serves(worker, WorkerRole.WORKER_ROLE_DECODE, model)) {
                anyDecode = true;
                // What runs at decode is streams.
                local += small ? 0 : Math.max(0, promptsPerWorker - waiting);
            }
        }
        // The scheduler may send it to a prefill worker all the same; so not without bound.
        if (load < 2L * promptsPerWorker * prefillWorkers || prefillWorkers == 0) {
            prompts += local;
        }
        return (prefillWorkers == 0 && !anyDecode)
                || prompts > sent.requests
                || (legs > sent.requests && tokens > sent.tokens);
    }

    /** Tokens that a worker takes before it is busy for too long; any number if it has not measured itself. */
    private double tokens(Rates rates, long queued, int waiting) {
        if (rates.prefillToken() <= 0) {
            return Double.POSITIVE_INFINITY;
        }
        double busy = queued * rates.prefillToken() + waiting * rates.prefillBase();
        return Math.max(0, (maxBacklog - busy) / rates.prefillToken());
    }

    private static boolean takesStream(FleetView fleet, String model, int cells, long sentCells) {
        if (cells == 0) {
            return true;
        }
        boolean hopeless = true;
        boolean fits = false;
        long all = 0;
        for (int i = 0, n = fleet.size(); i < n; i++) {
            Candidate worker = fleet.get(i);
            if (!serves(worker, WorkerRole.WORKER_ROLE_DECODE, model)) {
                continue;
            }
            if (worker.cells() == 0) {
                // It does not tell how many it has.
                return true;
            }
            if (worker.cells() >= cells) {
                hopeless = false;
                long free = Math.max(0, free(fleet, i));
                fits |= free >= cells;
                all += free;
            }
        }
        return hopeless || (fits && all - sentCells >= cells);
    }

    private static boolean serves(Candidate worker, WorkerRole role, String model) {
        return worker.role() == role
                && worker.available()
                && worker.kind() != null
                && worker.kind().model().equals(model);
    }

    private static long free(FleetView fleet, int index) {
        Candidate worker = fleet.get(index);
        return (long) worker.cells() - worker.reservedCells() - fleet.pendingCells(index);
    }

    /**
     * Whether more prefill workers have nothing to do than the reserve. It is rounded down: a fleet of few workers has none.
     *
     * @param sent requests that are on their way to some worker
     */
    public boolean hasMoreThanReserve(FleetView fleet, String model, int sent) {
        int workers = 0;
        int idle = 0;
        for (int i = 0, n = fleet.size(); i < n; i++) {
            Candidate worker = fleet.get(i);
            if (serves(worker, WorkerRole.WORKER_ROLE_PREFILL, model)) {
                workers++;
                idle += worker.waiting() + worker.running() + fleet.pendingLegs(i) == 0 ? 1 : 0;
            }
        }
        int kept = (int) (reserve * workers);
        return kept == 0 || idle - sent > kept;
    }

    /** Prompt tokens per second of all prefill workers of a model, as they measured themselves; 0 if none has. */
    public static double tokensPerSecond(FleetView fleet, String model) {
        double sum = 0;
        for (int i = 0, n = fleet.size(); i < n; i++) {
            Candidate worker = fleet.get(i);
            double token = worker.rates().prefillToken();
            if (token > 0 && serves(worker, WorkerRole.WORKER_ROLE_PREFILL, model)) {
                sum += 1 / token;
            }
        }
        return sum;
    }
}
