package io.baton.router.run;

import io.baton.kv.v1.KvLayout;
import io.baton.router.fleet.Fleet;
import io.baton.router.fleet.KvKind;
import io.baton.router.fleet.Worker;
import io.baton.router.fleet.WorkerView;
import io.baton.router.schedule.Candidate;
import io.baton.router.schedule.FleetView;
import io.baton.router.schedule.Rates;
import io.baton.worker.v1.WatchResponse;
import io.baton.worker.v1.WorkerLoad;
import io.baton.worker.v1.WorkerRates;
import java.util.List;
import java.util.function.ToIntFunction;

/**
 * The fleet as the scheduler sees it. What a worker reported is turned over once for each report, not for each request.
 *
 * <p><em>Thread-safety:</em> safe; a view may be read by one thread or many.
 */
public final class LiveFleet {
    private static final double MICROS = 1e-6;

    private final Fleet fleet;
    private final ToIntFunction<String> slots;
    private volatile View view = new View(List.of(), new Entry[0]);

    /** Views of {@code fleet}; {@code slots} gives the number of an address in the prefix index, −1 for none. */
    public LiveFleet(Fleet fleet, ToIntFunction<String> slots) {
        this.fleet = fleet;
        this.slots = slots;
    }

    /** The fleet now. */
    @SuppressWarnings("ReferenceEquality") // The fleet makes another list when, and only when, a worker comes or goes.
    public FleetView view() {
        View now = view;
        List<Worker> workers = fleet.workers();
        if (now.workers != workers) {
            Entry[] entries = new Entry[workers.size()];
            for (int i = 0; i < entries.length; i++) {
                Worker worker = workers.get(i);
                entries[i] = new Entry(worker, slots.applyAsInt(worker.address()));
            }
            now = new View(workers, entries);
            view = now;
        }
        return now;
    }

    /** Most tokens of prompt and output that a worker takes for a model; 0 if nobody tells. */
    int mostRequestTokens(String model) {
        int most = 0;
        for (Worker worker : fleet.workers()) {
            WorkerView seen = worker.view();
            WatchResponse last = seen.last();
            if (last != null && seen.model().equals(model)) {
                most = Math.max(most, last.getCapacity().getMaxRequestTokens());
            }
        }
        return most;
    }

    /** The workers of one moment. */
    private record View(List<Worker> workers, Entry[] entries) implements FleetView {
        @Override
        public int size() {
            return entries.length;
        }

        @Override
        public Candidate get(int index) {
            return entries[index].candidate();
        }

        @Override
        public int pendingLegs(int index) {
            return entries[index].worker.inFlight().legs();
        }

        @Override
        public long pendingTokens(int index) {
            return entries[index].worker.inFlight().tokens();
        }

        @Override
        public long pendingCells(int index) {
            return entries[index].worker.inFlight().cells();
        }
    }

    private record Seen(WorkerView view, Candidate candidate) {}

    private static final class Entry {
        private final Worker worker;
        private final int slot;
        private volatile Seen seen;

        Entry(Worker worker, int slot) {
            this.worker = worker;
            this.slot = slot;
            this.seen = see(worker.view());
        }

        @SuppressWarnings("ReferenceEquality") // A worker makes another view for every report.
        Candidate candidate() {
            WorkerView now = worker.view();
            Seen s = seen;
            if (s.view != now) {
                s = see(now);
                seen = s;
            }
            return s.candidate;
        }

        private Seen see(WorkerView view) {
            return new Seen(view, candidateOf(view, slot));
        }
    }

    /** What a worker told, as plain numbers. */
    static Candidate candidateOf(WorkerView view, int slot) {
        WatchResponse last = view.last();
        KvKind kind = view.kind();
        WorkerLoad load = last == null ? WorkerLoad.getDefaultInstance() : last.getLoad();
        return new Candidate(
                view.address(),
                view.role(),
                kind,
                view.healthy(),
                view.computesPrompts(),
                slot,
                kind == null ? 0 : tokenBytes(kind.layout()),
                last == null ? 0 : last.getCapacity().getCells(),
                load.getReservedCells(),
                load.getRunning(),
                load.getWaiting(),
                load.getQueuedTokens(),
                load.hasRates() ? rates(load.getRates()) : Rates.UNKNOWN);
    }

    private static Rates rates(WorkerRates r) {
        return new Rates(
                sane(r.getPrefillBaseUs()) * MICROS,
                sane(r.getPrefillTokenUs()) * MICROS,
                sane(r.getStepBaseUs()) * MICROS,
                sane(r.getStepSequenceUs()) * MICROS,
                sane(r.getPullBytesPerSecond()));
    }

    /** A worker's number, which may be anything, as a finite one of at least 0. */
    private static double sane(double value) {
        return value > 0 && value < Double.POSITIVE_INFINITY ? value : 0;
    }

    private static int tokenBytes(KvLayout layout) {
        long bytes = 0;
        for (int i = 0; i < layout.getKRowBytesCount(); i++) {
            bytes += layout.getKRowBytes(i);
        }
        for (int i = 0; i < layout.getVRowBytesCount(); i++) {
            bytes += layout.getVRowBytes(i);
        }
        return Math.clamp(bytes, 0, Integer.MAX_VALUE);
    }
}
