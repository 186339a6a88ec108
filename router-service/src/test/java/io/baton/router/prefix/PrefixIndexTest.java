package io.baton.router.prefix;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.worker.v1.CacheReport;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class PrefixIndexTest {
    private final PrefixIndex index = new PrefixIndex(10_000);

    private static CacheReport snapshot(long sequence, Long... added) {
        return CacheReport.newBuilder()
                .setSnapshot(true)
                .setSequence(sequence)
                .addAllAdded(List.of(added))
                .build();
    }

    private static CacheReport change(long follows, List<Long> added, List<Long> removed) {
        return CacheReport.newBuilder()
                .setFollows(follows)
                .setSequence(follows + added.size() + removed.size())
                .addAllAdded(added)
                .addAllRemoved(removed)
                .build();
    }

    private int pieces(String worker, long... prompt) {
        int[] bySlot = new int[2000];
        index.count(prompt, bySlot);
        return bySlot[index.slot(worker)];
    }

    @Test
    void shouldCountLeadingPiecesOnly() {
        index.heard("a", snapshot(3, 1L, 2L, 4L));
        index.heard("b", snapshot(4, 1L, 2L, 3L, 4L));
        index.heard("c", snapshot(1, 2L));
        assertThat(pieces("a", 1, 2, 3, 4)).isEqualTo(2);
        assertThat(pieces("b", 1, 2, 3, 4)).isEqualTo(4);
        assertThat(pieces("c", 1, 2, 3, 4)).isZero();
        assertThat(pieces("a")).isZero();
        assertThat(pieces("a", 9, 1)).isZero();
    }

    @Test
    void shouldFollowChanges() {
        index.heard("a", snapshot(2, 1L, 2L));
        assertThat(index.heard("a", change(2, List.of(3L), List.of()))).isTrue();
        assertThat(pieces("a", 1, 2, 3)).isEqualTo(3);
        assertThat(index.heard("a", change(3, List.of(), List.of(2L)))).isTrue();
        assertThat(pieces("a", 1, 2, 3)).isEqualTo(1);
    }

    @Test
    void shouldKnowNothingAfterAGapUntilEverythingIsTold() {
        index.heard("a", snapshot(2, 1L, 2L));
        index.heard("b", snapshot(1, 1L));
        assertThat(index.heard("a", change(5, List.of(3L), List.of()))).isFalse();
        assertThat(pieces("a", 1, 2, 3)).isZero();
        assertThat(pieces("b", 1, 2)).as("the others' stays").isEqualTo(1);
        assertThat(index.heard("a", change(6, List.of(4L), List.of()))).isFalse();
        assertThat(index.heard("a", snapshot(7, 1L))).isTrue();
        assertThat(pieces("a", 1, 2, 3)).isEqualTo(1);
    }

    @Test
    void shouldReplaceWhatItKnewByEverything() {
        index.heard("a", snapshot(2, 1L, 2L));
        index.heard("a", snapshot(1, 5L));
        assertThat(pieces("a", 1, 2)).isZero();
        assertThat(pieces("a", 5)).isEqualTo(1);
        assertThat(index.size()).isEqualTo(1);
    }

    @Test
    void shouldLearnNoMoreThanTheMostPieces() {
        PrefixIndex small = new PrefixIndex(2);
        small.heard("a", snapshot(3, 1L, 2L, 3L));
        small.heard("b", snapshot(2, 1L, 2L));
        assertThat(small.size()).isEqualTo(2);
        assertThat(small.dropped()).isEqualTo(1);
        small.heard("a", change(3, List.of(4L), List.of(2L)));
        assertThat(small.size()).as("b has piece 2 still").isEqualTo(2);
    }

    @Test
    void shouldKnowAThousandWorkers() {
        for (int i = 0; i < 1000; i++) {
            index.heard("w" + i, i % 2 == 0 ? snapshot(2, 1L, 2L) : snapshot(1, 1L));
        }
        assertThat(pieces("w998", 1, 2, 3)).isEqualTo(2);
        assertThat(pieces("w999", 1, 2, 3)).isEqualTo(1);
        assertThat(index.size()).isEqualTo(2);
    }

    /** Against a model: plain sets of pieces by worker. */
    @Test
    void shouldAgreeWithPlainSetsWhateverHappens() {
        Random random = new Random(7);
        Map<String, Set<Long>> model = new HashMap<>();
        Map<String, Long> sequences = new HashMap<>();
        for (int step = 0; step < 3000; step++) {
            String worker = "w" + random.nextInt(80);
            Set<Long> known = model.computeIfAbsent(worker, _ -> new HashSet<>());
            if (!sequences.containsKey(worker) || random.nextInt(20) == 0) {
                known.clear();
                for (long piece = 1; piece <= random.nextInt(30); piece++) {
                    known.add(piece * 0x9e3779b97f4a7c15L);
                }
                index.heard(worker, snapshot(step, known.toArray(Long[]::new)));
                sequences.put(worker, (long) step);
            } else {
                long piece = (1 + random.nextInt(30)) * 0x9e3779b97f4a7c15L;
                boolean add = known.add(piece);
                if (!add) {
                    known.remove(piece);
                }
                long follows = sequences.get(worker);
                index.heard(
                        worker, change(follows, add ? List.of(piece) : List.of(), add ? List.of() : List.of(piece)));
                sequences.put(worker, follows + 1);
            }
        }
        long[] prompt = new long[30];
        for (int i = 0; i < prompt.length; i++) {
            prompt[i] = (i + 1) * 0x9e3779b97f4a7c15L;
        }
        int[] bySlot = new int[100];
        index.count(prompt, bySlot);
        List<String> wrong = new ArrayList<>();
        Set<Long> all = new HashSet<>();
        model.forEach((worker, known) -> {
            all.addAll(known);
            int expected = 0;
            while (expected < prompt.length && known.contains(prompt[expected])) {
                expected++;
            }
            if (bySlot[index.slot(worker)] != expected) {
                wrong.add(worker + ": " + bySlot[index.slot(worker)] + " instead of " + expected);
            }
        });
        assertThat(wrong).isEmpty();
        assertThat(index.size()).isEqualTo(all.size());
    }
}
