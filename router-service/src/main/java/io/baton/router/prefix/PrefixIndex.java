package io.baton.router.prefix;

import io.baton.router.fleet.Fleet;
import io.baton.router.fleet.Worker;
import io.baton.router.schedule.PrefixOverlap;
import io.baton.worker.v1.CacheReport;
import io.baton.worker.v1.WatchResponse;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * Which worker has which pieces of prompts in its prefix cache, as the workers report it: everything when a Watch stream
 * begins, then what changes. So all routers know the same, and one that starts knows it with its first reports.
 *
 * <p>A walk over a prompt's pieces costs one look-up for each piece until nobody is left, and a comparison of sets only where
 * they change. Bounded: beyond the most pieces, further ones are not learned and are counted.
 *
 * <p><em>Thread-safety:</em> safe. Walks exclude changes only; reports of one worker must come in their order.
 */
public final class PrefixIndex implements PrefixOverlap, Worker.Reports, Fleet.Members {
    private static final long UNKNOWN = -1;

    /** What is known of one worker. */
    private static final class Source {
        final int slot;
        long sequence = UNKNOWN;
        boolean has;

        Source(int slot) {
            this.slot = slot;
        }
    }

    private final int maxPieces;
    private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
    private final AtomicLong dropped = new AtomicLong();
    // Guarded by the lock.
    private final PieceTable table = new PieceTable();
    private final WorkerSet nobody = WorkerSet.empty();
    private final Map<String, Source> sources = new HashMap<>();
    private final BitSet slots = new BitSet();

    /** An index of at most so many pieces. */
    public PrefixIndex(int maxPieces) {
        this.maxPieces = maxPieces;
    }

    /** The slot of a worker; it gets one if it has none. */
    public int slot(String address) {
        lock.writeLock().lock();
        try {
            return source(address).slot;
        } finally {
            lock.writeLock().unlock();
        }
    }

    private Source source(String address) {
        return sources.computeIfAbsent(address, _ -> {
            int slot = slots.nextClearBit(0);
            slots.set(slot);
            return new Source(slot);
        });
    }

    @Override
    public void joined(Worker worker) {
        slot(worker.address());
    }

    @Override
    public void left(Worker worker) {
        lock.writeLock().lock();
        try {
            Source source = sources.remove(worker.address());
            if (source != null) {
                forget(source);
                slots.clear(source.slot);
            }
        } finally {
            lock.writeLock().unlock();
        }
    }

    @Override
    public boolean heard(Worker worker, WatchResponse report) {
        return !report.hasCache() || heard(worker.address(), report.getCache());
    }

    /**
     * Takes a worker's report in.
     *
     * @return false if one before it is missing: nothing is known of the worker then, until it tells everything
     */
    boolean heard(String address, CacheReport report) {
        lock.writeLock().lock();
        try {
            Source source = source(address);
            if (report.getSnapshot()) {
                forget(source);
            } else if (source.sequence != report.getFollows()) {
                forget(source);
                return false;
            }
            for (int i = 0, n = report.getRemovedCount(); i < n; i++) {
                remove(report.getRemoved(i), source.slot);
            }
            for (int i = 0, n = report.getAddedCount(); i < n; i++) {
                add(report.getAdded(i), source.slot);
            }
            source.has |= report.getAddedCount() > 0;
            source.sequence = report.getSequence();
            return true;
        } finally {
            lock.writeLock().unlock();
        }
    }

    private void add(long piece, int slot) {
        WorkerSet set = table.get(piece);
        if (set == null && table.size() >= maxPieces) {
            dropped.incrementAndGet();
            return;
        }
        table.put(piece, (set == null ? nobody : set).with(slot));
    }

    private void remove(long piece, int slot) {
        WorkerSet set = table.get(piece);
        if (set != null) {
            WorkerSet left = set.without(slot);
            if (left.isEmpty()) {
                table.remove(piece);
            } else {
                table.put(piece, left);
            }
        }
    }

    private void forget(Source source) {
        if (source.has) {
            table.removeSlot(source.slot);
            source.has = false;
        }
        source.sequence = UNKNOWN;
    }

    @Override
    @SuppressWarnings(
            "ReferenceEquality") // Equal sets are mostly one object; where they are not, comparing costs a little.
    public void count(long[] pieces, int[] bySlot) {
        lock.readLock().lock();
        try {
            WorkerSet before = pieces.length == 0 ? null : table.get(pieces[0]);
            if (before == null) {
                return;
            }
            long[] alive = before.toBits();
            for (int i = 1; i < pieces.length; i++) {
                WorkerSet set = table.get(pieces[i]);
                if (set == before) {
                    continue;
                }
                if (!(set == null ? nobody : set).narrow(alive, i, bySlot)) {
                    return;
                }
                before = set;
            }
            WorkerSet.note(alive, pieces.length, bySlot);
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Pieces that some worker has. */
    public int size() {
        lock.readLock().lock();
        try {
            return table.size();
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Pieces that were not learned for want of room, since the start. */
    public long dropped() {
        return dropped.get();
    }
}
