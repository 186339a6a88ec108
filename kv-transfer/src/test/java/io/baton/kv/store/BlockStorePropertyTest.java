package io.baton.kv.store;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.error.BatonException;
import io.baton.kv.block.BlockName;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.jspecify.annotations.Nullable;

/** Random interleavings against a model: who holds a block reads what was written to it, whatever else happens. */
class BlockStorePropertyTest {
    private static final int CAPACITY = 2048;

    enum Kind {
        ALLOCATE,
        ALLOCATE_TAIL,
        PUBLISH,
        FIND,
        RETAIN,
        CLOSE
    }

    record Op(Kind kind, int which, int size) {}

    @Provide
    Arbitrary<List<Op>> interleavings() {
        Arbitrary<Op> op = Combinators.combine(
                        Arbitraries.of(Kind.class),
                        Arbitraries.integers().between(0, 7),
                        Arbitraries.integers().between(1, 80))
                .as((kind, which, words) -> new Op(kind, which, 8 * words));
        return op.list().ofMaxSize(120);
    }

    /** What the store should know about a block. */
    private static final class Expected {
        final long owner;
        final @Nullable BlockName name;
        final int size;
        int pins = 1;
        boolean published;
        boolean findable;

        Expected(long owner, @Nullable BlockName name, int size) {
            this.owner = owner;
            this.name = name;
            this.size = size;
        }
    }

    private record Pin(BlockRef ref, Expected block) {}

    private static final class Model {
        final BlockStore store = new BlockStore(CAPACITY, 1024, Arena.ofAuto());
        final List<Pin> pins = new ArrayList<>();
        final Map<BlockName, Expected> named = new HashMap<>();
        long owners;

        void run(Op op) {
            switch (op.kind) {
                case ALLOCATE -> allocate(new BlockName(op.which, 0, 0, 0), op.size);
                case ALLOCATE_TAIL -> allocate(null, op.size);
                case FIND -> find(new BlockName(op.which, 0, 0, 0));
                case PUBLISH -> publish(op.which);
                case RETAIN -> retain(op.which);
                case CLOSE -> close(op.which);
            }
            check();
        }

        private void allocate(@Nullable BlockName name, int size) {
            BlockRef ref;
            try {
                ref = store.allocate(name, size);
            } catch (BatonException e) {
                // Nothing pinned means that all can be evicted, and then a slab is empty.
                assertThat(store.stats().pinnedBytes()).isPositive();
                return;
            }
            var block = new Expected(++owners, name, size);
            Patterns.fill(ref.rows(), block.owner);
            pins.add(new Pin(ref, block));
        }

        private void find(BlockName name) {
            store.find(name).ifPresent(ref -> {
                Expected block = named.get(name);
                assertThat(block).as("a found block was published").isNotNull();
                block.pins++;
                pins.add(new Pin(ref, block));
            });
        }

        private void publish(int which) {
            if (pins.isEmpty()) {
                return;
            }
            Pin pin = pins.get(which % pins.size());
            Expected block = pin.block;
            if (block.published) {
                return;
            }
            boolean first = block.name != null && store.countLeading(List.of(block.name)) == 0;
            assertThat(pin.ref.publish((int) block.owner)).isEqualTo(first);
            block.published = true;
            if (block.name != null && first) {
                block.findable = true;
                named.put(block.name, block);
            }
        }

        private void retain(int which) {
            if (!pins.isEmpty()) {
                Pin pin = pins.get(which % pins.size());
                pin.block.pins++;
                pins.add(new Pin(pin.ref.retain(), pin.block));
            }
        }

        private void close(int which) {
            if (!pins.isEmpty()) {
                Pin pin = pins.remove(which % pins.size());
                pin.ref.close();
                pin.block.pins--;
            }
        }

        private void check() {
            long pinned = pins.stream()
                    .map(Pin::block)
                    .distinct()
                    .mapToLong(b -> b.size)
                    .sum();
            BlockStoreStats stats = store.stats();
            assertThat(stats.pinnedBytes()).isEqualTo(pinned);
            assertThat(stats.usedBytes()).isBetween(pinned, (long) CAPACITY);
            for (Pin pin : pins) {
                Patterns.check(pin.ref.rows(), pin.block.owner);
                if (pin.block.findable) {
                    assertThat(store.countLeading(List.of(java.util.Objects.requireNonNull(pin.block.name))))
                            .as("a held block is not evicted")
                            .isEqualTo(1);
                }
            }
        }
    }

    @Property(tries = 1500)
    void whoHoldsABlockShouldReadWhatWasWrittenToIt(@ForAll("interleavings") List<Op> ops) {
        // Given
        var model = new Model();

        // When / Then
        ops.forEach(model::run);

        // When all is given back, then nothing is pinned, and only findable blocks remain
        List.copyOf(model.pins).forEach(p -> p.ref.close());
        BlockStoreStats stats = model.store.stats();
        assertThat(stats.pinnedBytes()).isZero();
        assertThat(stats.pinnedBlocks()).isZero();
        long findable = model.named.keySet().stream()
                .filter(n -> model.store.countLeading(List.of(n)) == 1)
                .count();
        assertThat((long) stats.blocks()).isEqualTo(findable);
        try (BlockRef half = model.store.allocate(null, CAPACITY / 2)) {
            assertThat(half.byteSize()).isEqualTo(CAPACITY / 2);
        }
    }

    @Property(tries = 500)
    void blocksOfOneSizeShouldBeRefusedOnlyWhenAsManyArePinnedAsFit(@ForAll("interleavings") List<Op> ops) {
        // Given
        var store = new BlockStore(CAPACITY, 1024, Arena.ofAuto());
        int fit = CAPACITY / 256;
        List<BlockRef> held = new ArrayList<>();

        for (Op op : ops) {
            if (op.kind == Kind.CLOSE && !held.isEmpty()) {
                held.remove(op.which % held.size()).close();
                continue;
            }
            // When
            BlockRef ref;
            try {
                ref = store.allocate(new BlockName(op.which, op.size, 0, 0), 256);
            } catch (BatonException e) {
                // Then
                assertThat(held).hasSize(fit);
                continue;
            }
            ref.publish(0);
            held.add(ref);
            assertThat(held.size()).isLessThanOrEqualTo(fit);
        }
        held.forEach(BlockRef::close);
    }
}
