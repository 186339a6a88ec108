package io.baton.cli.bench;

import io.baton.worker.v1.CacheReport;
import io.baton.worker.v1.WatchResponse;
import io.grpc.stub.ServerCallStreamObserver;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.IntSupplier;

/**
 * What the routers learn of a simulated worker, at the times at which a real one tells it: within a tick when its load or its
 * prefix cache has changed, and twice a second. The cache has a bound; the pieces that were used least lately leave it.
 *
 * <p><em>Thread-safety:</em> thread-safe.
 */
final class SimulatedWorker {
    /** Pieces in the prefix cache, which with pieces of 256 tokens are half a million tokens. */
    static final int CACHED_PIECES = 2048;

    private static final int HEARTBEAT_TICKS = 5;

    /** Of a worker, its load and what is new in its cache. */
    interface Report {
        /** A message but for the cache and the number, and for what only the first of a stream has. */
        WatchResponse.Builder of(int running);
    }

    private final WatchResponse self;
    private final Report report;
    private final IntSupplier running;
    private final List<ServerCallStreamObserver<WatchResponse>> calls = new ArrayList<>();
    private final LinkedHashSet<Long> cached = new LinkedHashSet<>();
    private final Set<Long> added = new LinkedHashSet<>();
    private final Set<Long> removed = new LinkedHashSet<>();
    private long changes;
    private long told;
    private long messages;
    private int lastRunning = -1;
    private int ticks;

    /**
     * A worker that nobody watches.
     *
     * @param self its identity and capacity
     */
    SimulatedWorker(WatchResponse self, Report report, IntSupplier running) {
        this.self = self;
        this.report = report;
        this.running = running;
    }

    /** The pieces of a prompt are in the cache from now on. */
    synchronized void hold(List<Long> pieces) {
        for (Long piece : pieces) {
            // What is used again goes to the end.
            if (!cached.remove(piece)) {
                changes++;
                if (!removed.remove(piece)) {
                    added.add(piece);
                }
            }
            cached.add(piece);
        }
        Iterator<Long> eldest = cached.iterator();
        while (cached.size() > CACHED_PIECES) {
            Long piece = eldest.next();
            eldest.remove();
            changes++;
            if (!added.remove(piece)) {
                removed.add(piece);
            }
        }
    }

    /** A stream begins with everything. */
    synchronized void join(ServerCallStreamObserver<WatchResponse> call) {
        call.setOnCancelHandler(() -> leave(call));
        tell();
        call.onNext(message()
                .setIdentity(self.getIdentity())
                .setCapacity(self.getCapacity())
                .setCache(CacheReport.newBuilder()
                        .setSnapshot(true)
                        .setSequence(told)
                        .addAllAdded(cached))
                .build());
        calls.add(call);
    }

    private synchronized void leave(ServerCallStreamObserver<WatchResponse> call) {
        calls.remove(call);
    }

    /** Every 100 ms. */
    synchronized void tick() {
        if (calls.isEmpty()) {
            return;
        }
        ticks++;
        if (changes != told || running.getAsInt() != lastRunning || ticks >= HEARTBEAT_TICKS) {
            ticks = 0;
            tell();
        }
    }

    private void tell() {
        WatchResponse.Builder message = message();
        if (changes != told) {
            message.setCache(CacheReport.newBuilder()
                    .setFollows(told)
                    .setSequence(changes)
                    .addAllAdded(added)
                    .addAllRemoved(removed));
            told = changes;
            added.clear();
            removed.clear();
        }
        WatchResponse built = message.build();
        for (ServerCallStreamObserver<WatchResponse> call : calls) {
            if (!call.isCancelled()) {
                call.onNext(built);
            }
        }
    }

    private WatchResponse.Builder message() {
        lastRunning = running.getAsInt();
        return report.of(lastRunning).setSequence(++messages);
    }
}
