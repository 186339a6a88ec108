package io.baton.kv.lease;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.engine.KvLayout;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.Layouts;
import io.baton.kv.key.DescriptorSigner;
import io.baton.kv.key.Keys;
import io.baton.kv.store.BlockRef;
import io.baton.kv.store.BlockStore;
import io.baton.kv.v1.AcknowledgeRequest;
import io.baton.kv.v1.KvDescriptor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;

/**
 * Any interleaving of what router, receivers, clock and crashes do to a holder: no block is lost, freed while somebody reads
 * it, or read after it was freed.
 */
class LeaseModelPropertyTest {
    private static final KvLayout LAYOUT = Layouts.of(64);
    private static final int TOKENS = 4;
    private static final long BYTES = LAYOUT.bytes(TOKENS);
    private static final int BLOCKS = 12;
    private static final Duration TIME = Duration.ofSeconds(30);

    /** What happens next. */
    enum Kind {
        OPEN,
        OFFER,
        READ,
        READ_ENDS,
        ACKNOWLEDGE,
        RENEW,
        SEAL,
        CLOSE,
        TIME_PASSES,
        HOLDER_RESTARTS
    }

    /** An event, with two numbers that choose to what it happens. */
    record Happening(Kind kind, int a, int b) {}

    @Provide
    Arbitrary<List<Happening>> happenings() {
        Arbitrary<Kind> kinds = Arbitraries.frequencyOf(
                Tuple.of(3, Arbitraries.just(Kind.OPEN)),
                Tuple.of(8, Arbitraries.just(Kind.OFFER)),
                Tuple.of(6, Arbitraries.just(Kind.READ)),
                Tuple.of(5, Arbitraries.just(Kind.READ_ENDS)),
                Tuple.of(5, Arbitraries.just(Kind.ACKNOWLEDGE)),
                Tuple.of(2, Arbitraries.just(Kind.RENEW)),
                Tuple.of(2, Arbitraries.just(Kind.SEAL)),
                Tuple.of(1, Arbitraries.just(Kind.CLOSE)),
                Tuple.of(3, Arbitraries.just(Kind.TIME_PASSES)),
                Tuple.of(1, Arbitraries.just(Kind.HOLDER_RESTARTS)));
        Arbitrary<Integer> number = Arbitraries.integers().between(0, 1000);
        return Combinators.combine(kinds, number, number)
                .as(Happening::new)
                .list()
                .ofMinSize(1)
                .ofMaxSize(120);
    }

    @Property(tries = 1000)
    void noBlockShouldBeLostOrFreedWhileItIsRead(@ForAll("happenings") List<Happening> happenings) {
        World world = new World();
        for (Happening h : happenings) {
            world.happen(h);
            world.check();
        }
        world.end();
    }

    /** A holder, what a receiver knows, and what must be true of both. */
    private static final class World {
        private final BlockStore store = new BlockStore(BLOCKS * BYTES, BLOCKS * BYTES, Arena.ofAuto());
        private final DescriptorSigner signer = new DescriptorSigner(() -> Keys.of("k"));
        private final List<Lease> leases = new ArrayList<>();
        /** Everything that was ever handed out, with the byte that its rows are filled with. */
        private final Map<KvDescriptor, Byte> given = new HashMap<>();

        private final List<KvDescriptor> order = new ArrayList<>();
        private final Set<KvDescriptor> pinned = new HashSet<>();
        private final Set<KvDescriptor> spent = new HashSet<>();
        private final Map<Long, Long> renewed = new HashMap<>();
        private final List<Reading> reads = new ArrayList<>();
        /** Leases under which nothing more is offered: sealed, closed or run out. Some may be read from still. */
        private final Set<Lease> over = new HashSet<>();

        private long now;
        private long epoch = 1;
        private LeaseTable table = newTable();
        private int index;

        private record Reading(KvDescriptor descriptor, BlockRead read) {}

        private LeaseTable newTable() {
            return new LeaseTable(() -> "h:1", epoch, LeaseLimits.defaults().withLeaseTime(TIME), signer, () -> now);
        }

        void happen(Happening h) {
            switch (h.kind()) {
                case OPEN -> {
                    Lease lease = table.open("r" + leases.size(), 1, "t", "d");
                    leases.add(lease);
                    renewed.put(lease.id(), now);
                }
                case OFFER -> lease(h).ifPresent(this::offer);
                case READ -> descriptor(h).ifPresent(this::read);
                case READ_ENDS -> {
                    if (!reads.isEmpty()) {
                        Reading ended = reads.remove(h.a() % reads.size());
                        ended.read().close();
                        renewed.computeIfPresent(ended.descriptor().getLeaseId(), (_, _) -> now);
                    }
                }
                case ACKNOWLEDGE -> descriptor(h).ifPresent(this::acknowledge);
                case RENEW ->
                    lease(h).ifPresent(lease -> {
                        if (table.renew(epoch, "d", List.of(lease.id())).isEmpty()) {
                            renewed.put(lease.id(), now);
                        }
                    });
                case SEAL ->
                    lease(h).ifPresent(lease -> {
                        lease.seal();
                        over.add(lease);
                    });
                case CLOSE -> lease(h).ifPresent(this::close);
                case TIME_PASSES -> {
                    now += h.a() * TIME.toNanos() / 500;
                    expire();
                }
                case HOLDER_RESTARTS -> {
                    // The process dies, and its memory with it; the store here stands for the one that comes after.
                    List.copyOf(reads).forEach(r -> r.read().close());
                    reads.clear();
                    leases.forEach(Lease::close);
                    leases.clear();
                    pinned.clear();
                    renewed.clear();
                    epoch++;
                    table = newTable();
                }
            }
        }

        private Optional<Lease> lease(Happening h) {
            return leases.isEmpty() ? Optional.empty() : Optional.of(leases.get(h.a() % leases.size()));
        }

        private Optional<KvDescriptor> descriptor(Happening h) {
            return order.isEmpty() ? Optional.empty() : Optional.of(order.get(h.b() % order.size()));
        }

        private void offer(Lease lease) {
            if (over.contains(lease)) {
                return;
            }
            BlockRef room;
            try {
                room = store.allocate(null, BYTES);
            } catch (BatonException e) {
                assertThat(e.code()).isEqualTo(ErrorCode.KV_FULL);
                assertThat(store.stats().pinnedBytes()).isEqualTo(BLOCKS * BYTES);
                return;
            }
            try (BlockRef ref = room) {
                int i = index++;
                byte fill = (byte) (i * 7 + 1);
                ref.rows().fill(fill);
                ref.publish(0);
                KvDescriptor d = lease.offer(i, i * TOKENS, (i + 1) * TOKENS, ref, LAYOUT);
                given.put(d, fill);
                order.add(d);
                pinned.add(d);
                renewed.put(lease.id(), now);
            }
        }

        private void read(KvDescriptor d) {
            try {
                reads.add(new Reading(d, table.read(d, "d", () -> {})));
                assertThat(pinned).as("only what is pinned can be read").contains(d);
                renewed.put(d.getLeaseId(), now);
            } catch (BatonException e) {
                assertThat(pinned).as("what is pinned can be read").doesNotContain(d);
                ErrorCode expected = d.getHolderEpoch() != epoch
                        ? ErrorCode.EPOCH_MISMATCH
                        : spent.contains(d) ? ErrorCode.BLOCK_SPENT : null;
                if (expected == ErrorCode.EPOCH_MISMATCH) {
                    assertThat(e.code()).isEqualTo(expected);
                } else {
                    assertThat(e.code())
                            .isIn(ErrorCode.BLOCK_SPENT, ErrorCode.LEASE_EXPIRED, ErrorCode.BLOCK_NOT_FOUND);
                }
            }
        }

        private void acknowledge(KvDescriptor d) {
            int released = table.acknowledge(AcknowledgeRequest.newBuilder()
                    .setLeaseId(d.getLeaseId())
                    .setHolderEpoch(d.getHolderEpoch())
                    .setRequestId(d.getRequestId())
                    .setReceiver("d")
                    .addBlockIndexes(d.getBlockIndex())
                    .build());
            assertThat(released).isEqualTo(pinned.remove(d) ? 1 : 0);
            spent.add(d);
        }

        private void close(Lease lease) {
            lease.close();
            over.add(lease);
            pinned.removeIf(d -> d.getLeaseId() == lease.id());
        }

        private void expire() {
            for (Lease lease : leases) {
                boolean holds = pinned.stream().anyMatch(d -> d.getLeaseId() == lease.id());
                boolean read = reads.stream().anyMatch(r -> r.descriptor().getLeaseId() == lease.id());
                if (holds && !read && now - renewed.getOrDefault(lease.id(), now) >= TIME.toNanos()) {
                    over.add(lease);
                    pinned.removeIf(d -> d.getLeaseId() == lease.id());
                }
            }
            table.expire();
        }

        void check() {
            Set<KvDescriptor> alive = new HashSet<>(pinned);
            for (Reading r : reads) {
                alive.add(r.descriptor());
                MemorySegment rows = r.read().rows();
                byte fill = given.getOrDefault(r.descriptor(), (byte) 0);
                assertThat(rows.asByteBuffer().get(0))
                        .as("what is read is what was described")
                        .isEqualTo(fill);
                assertThat(rows.asByteBuffer().get((int) BYTES - 1)).isEqualTo(fill);
            }
            assertThat(store.stats().pinnedBytes()).isEqualTo(alive.size() * BYTES);
        }

        void end() {
            reads.forEach(r -> r.read().close());
            leases.forEach(Lease::close);
            assertThat(store.stats().pinnedBytes()).isZero();
            assertThat(table.stats()).isEqualTo(new LeaseStats(0, 0, 0, 0));
        }
    }
}
