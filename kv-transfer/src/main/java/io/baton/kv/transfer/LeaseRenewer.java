package io.baton.kv.transfer;

import io.baton.error.BatonException;
import io.baton.kv.block.HolderAddress;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.KvTransferServiceGrpc;
import io.baton.kv.v1.RenewRequest;
import io.baton.kv.v1.RenewResponse;
import io.grpc.stub.StreamObserver;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;

/**
 * Renews the leases of blocks that are wanted and not given back yet: every third of the shortest lease time, with one call to
 * each holder. That a renewal fails is no error here: the holder is gone, and the pull will say so, or the next renewal comes
 * in time.
 *
 * <p><em>Thread-safety:</em> safe.
 */
final class LeaseRenewer {
    /** Leases per call; kv.proto says so too. */
    static final int MAX_PER_CALL = 65_536;

    private static final long MIN_PERIOD_NANOS = TimeUnit.MILLISECONDS.toNanos(10);

    private final String receiver;
    private final ChannelPool channels;
    private final ScheduledExecutorService timer;
    private final long callNanos;
    private final LongAdder renewed = new LongAdder();

    private final Object lock = new Object();
    /** How many blocks of each lease are held. */
    private final Map<Holder, Map<Long, Integer>> leases = new HashMap<>();

    private long periodNanos = Long.MAX_VALUE;
    private boolean ticking;

    private record Holder(String address, long epoch) {
        static Holder of(KvDescriptor d) {
            return new Holder(d.getHolderAddress(), d.getHolderEpoch());
        }
    }

    LeaseRenewer(String receiver, ChannelPool channels, ScheduledExecutorService timer, long callNanos) {
        this.receiver = receiver;
        this.channels = channels;
        this.timer = timer;
        this.callNanos = callNanos;
    }

    /** The block is wanted: its lease is renewed until {@link #release}. */
    void hold(KvDescriptor block) {
        if (block.getLeaseUs() <= 0) {
            return;
        }
        synchronized (lock) {
            leases.computeIfAbsent(Holder.of(block), _ -> new HashMap<>()).merge(block.getLeaseId(), 1, Integer::sum);
            long third = TimeUnit.MICROSECONDS.toNanos(block.getLeaseUs()) / 3;
            periodNanos = Math.max(MIN_PERIOD_NANOS, Math.min(periodNanos, third));
            if (!ticking) {
                schedule();
            }
        }
    }

    /** The block is not wanted any more; to be called once for each {@link #hold}. */
    void release(KvDescriptor block) {
        if (block.getLeaseUs() <= 0) {
            return;
        }
        synchronized (lock) {
            Holder holder = Holder.of(block);
            Map<Long, Integer> held = leases.get(holder);
            if (held != null) {
                held.computeIfPresent(block.getLeaseId(), (_, n) -> n == 1 ? null : n - 1);
                if (held.isEmpty()) {
                    leases.remove(holder);
                }
            }
        }
    }

    /** Leases that are being renewed. */
    int held() {
        synchronized (lock) {
            return leases.values().stream().mapToInt(Map::size).sum();
        }
    }

    /** Renewals that a holder confirmed. */
    long renewed() {
        return renewed.sum();
    }

    private void schedule() {
        try {
            var _ = timer.schedule(this::tick, periodNanos, TimeUnit.NANOSECONDS);
            ticking = true;
        } catch (RejectedExecutionException e) {
            // The puller is closed, and every lease ends with it.
            ticking = false;
        }
    }

    private void tick() {
        List<RenewRequest> requests = new ArrayList<>();
        List<String> addresses = new ArrayList<>();
        synchronized (lock) {
            if (leases.isEmpty()) {
                ticking = false;
                periodNanos = Long.MAX_VALUE;
                return;
            }
            leases.forEach((holder, held) -> {
                List<Long> ids = List.copyOf(held.keySet());
                for (int from = 0; from < ids.size(); from += MAX_PER_CALL) {
                    addresses.add(holder.address());
                    requests.add(RenewRequest.newBuilder()
                            .setHolderEpoch(holder.epoch())
                            .setReceiver(receiver)
                            .addAllLeaseIds(ids.subList(from, Math.min(ids.size(), from + MAX_PER_CALL)))
                            .build());
                }
            });
            schedule();
        }
        for (int i = 0; i < requests.size(); i++) {
            renew(addresses.get(i), requests.get(i));
        }
    }

    private void renew(String address, RenewRequest request) {
        ChannelPool.Use use;
        try {
            use = channels.acquire(HolderAddress.parse(address));
        } catch (BatonException e) {
            return;
        }
        try {
            KvTransferServiceGrpc.newStub(use.channel())
                    .withDeadlineAfter(callNanos, TimeUnit.NANOSECONDS)
                    .renew(request, new StreamObserver<>() {
                        @Override
                        public void onNext(RenewResponse response) {
                            renewed.add(request.getLeaseIdsCount() - response.getUnknownLeaseIdsCount());
                        }

                        @Override
                        public void onError(Throwable t) {
                            use.close();
                        }

                        @Override
                        public void onCompleted() {
                            use.close();
                        }
                    });
        } catch (RuntimeException e) {
            // The connection can break while the call is being made.
            use.close();
        }
    }
}
