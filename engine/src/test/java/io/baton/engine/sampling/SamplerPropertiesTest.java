package io.baton.engine.sampling;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.engine.Sampling;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.Size;

class SamplerPropertiesTest {
    @Provide
    Arbitrary<float[]> logits() {
        // Rounded, so that equal logits occur.
        return Arbitraries.integers()
                .between(-40, 40)
                .map(i -> i / 4f)
                .array(Float[].class)
                .ofMinSize(2)
                .ofMaxSize(300)
                .map(boxed -> {
                    float[] a = new float[boxed.length];
                    for (int i = 0; i < a.length; i++) {
                        a[i] = boxed[i];
                    }
                    return a;
                });
    }

    @Provide
    Arbitrary<Sampling> samplings() {
        Arbitrary<Float> unit = Arbitraries.floats().between(0.01f, 1f);
        return Combinators.combine(
                        Arbitraries.floats().between(0f, 5f),
                        Arbitraries.integers().between(0, 400),
                        unit,
                        Arbitraries.floats().between(0f, 1f),
                        Arbitraries.floats().between(0.5f, 2f),
                        Arbitraries.floats().between(-2f, 2f),
                        Arbitraries.floats().between(-2f, 2f),
                        Arbitraries.longs())
                .as((t, k, p, m, r, pp, fp, seed) ->
                        new Sampling(t, k, p, m, r, pp, fp, seed, Map.of(1, 1.5f), 2, Set.of(0)));
    }

    private static int choose(Sampler sampler, float[] logits, Sampling s, int[] history, int promptTokens) {
        return sampler.sample(
                        MemorySegment.ofArray(logits), logits.length, s, history, history.length, promptTokens, -1)
                .id();
    }

    private static Sampling filter(float temperature, int topK, float topP, float minP, long seed) {
        return new Sampling(temperature, topK, topP, minP, 1, 0, 0, seed, Map.of(), 0, Set.of());
    }

    @Property
    void shouldNotDependOnWhatTheSamplerDidBefore(
            @ForAll("logits") float[] logits,
            @ForAll("logits") float[] others,
            @ForAll("samplings") Sampling s,
            @ForAll("samplings") Sampling otherSampling,
            @ForAll @Size(max = 20) int[] raw) {
        // Given a sampler that was used and a fresh one
        int[] history =
                Arrays.stream(raw).map(i -> Math.floorMod(i, logits.length)).toArray();
        Sampler used = new Sampler();
        choose(used, others, otherSampling, new int[] {0, 1, 1, 0}, 1);
        // When
        int chosen = choose(used, logits, s, history, history.length / 2);
        // Then
        assertThat(chosen).isEqualTo(choose(new Sampler(), logits, s, history, history.length / 2));
        assertThat(chosen).isBetween(0, logits.length - 1);
    }

    @Property
    void shouldNotChangeTheCallersLogits(@ForAll("logits") float[] logits, @ForAll("samplings") Sampling s) {
        float[] before = logits.clone();
        choose(new Sampler(), logits, s, new int[] {0, 1, 1}, 1);
        assertThat(logits).isEqualTo(before);
    }

    @Property
    void shouldTakeTheFirstOfTheMostLikelyWhenGreedy(@ForAll("logits") float[] logits) {
        int best = IntStream.range(0, logits.length)
                .boxed()
                .max(Comparator.<Integer>comparingDouble(i -> logits[i]).thenComparing(Comparator.reverseOrder()))
                .orElseThrow();
        assertThat(choose(new Sampler(), logits, Sampling.greedy(), new int[0], 0))
                .isEqualTo(best);
    }

    @Property
    void shouldKeepExactlyThePrefixThatTheFiltersName(
            @ForAll("logits") float[] logits, @ForAll("samplings") Sampling given) {
        // Given the tokens by falling logit, then rising id, and their probabilities
        float temperature = Math.max(given.temperature(), 0.05f);
        Integer[] order = IntStream.range(0, logits.length).boxed().toArray(Integer[]::new);
        Arrays.sort(
                order, Comparator.<Integer>comparingDouble(i -> -logits[i]).thenComparing(Comparator.naturalOrder()));
        double[] w = new double[order.length];
        for (int i = 0; i < w.length; i++) {
            w[i] = StrictMath.exp((logits[order[i]] - logits[order[0]]) / (double) temperature);
        }
        int kept = given.topK() > 0 ? Math.min(given.topK(), w.length) : w.length;
        while (kept > 1 && w[kept - 1] < given.minP() * (1 - 1e-9)) {
            kept--;
        }
        double sum = Arrays.stream(w, 0, kept).sum();
        double reached = 0;
        Set<Integer> allowed = new HashSet<>();
        for (int i = 0; i < kept && (reached < given.topP() * sum * (1 + 1e-9) || i == 0); i++) {
            allowed.add(order[i]);
            reached += w[i];
        }
        // When many seeds draw
        Sampler sampler = new Sampler();
        for (long seed = 0; seed < 50; seed++) {
            int chosen = choose(
                    sampler,
                    logits,
                    filter(temperature, given.topK(), given.topP(), given.minP(), seed),
                    new int[0],
                    0);
            // Then
            assertThat(allowed).contains(chosen);
        }
    }

    @Property(tries = 200)
    void shouldChooseTheRenamedTokenWhenGreedyAndTokensAreRenamed(@ForAll("logits") float[] logits, @ForAll long seed) {
        // Given distinct logits and a permutation
        float[] distinct = logits.clone();
        for (int i = 0; i < distinct.length; i++) {
            distinct[i] += i * 1e-4f;
        }
        int n = distinct.length;
        int shift = (int) Math.floorMod(seed, (long) n);
        float[] renamed = new float[n];
        for (int i = 0; i < n; i++) {
            renamed[(i + shift) % n] = distinct[i];
        }
        // When
        int before = choose(new Sampler(), distinct, Sampling.greedy(), new int[0], 0);
        int after = choose(new Sampler(), renamed, Sampling.greedy(), new int[0], 0);
        // Then
        assertThat(after).isEqualTo((before + shift) % n);
    }

    @Property(tries = 200)
    void shouldGoOnTheSameAfterAMove(
            @ForAll("logits") float[] logits, @ForAll("samplings") Sampling s, @ForAll byte movedAt) {
        // Given a stream of 40 tokens whose logits depend on the position
        int prompt = 3;
        int[] stream = stream(new Sampler(), logits, s, new int[] {0, 1, 1}, prompt, 40);
        // When another sampler takes over somewhere
        int move = prompt + Math.floorMod(movedAt, 37);
        int[] moved = stream(new Sampler(), logits, s, Arrays.copyOf(stream, move), prompt, 40);
        // Then
        assertThat(moved).isEqualTo(stream);
    }

    private static int[] stream(Sampler sampler, float[] logits, Sampling s, int[] start, int prompt, int length) {
        int[] history = Arrays.copyOf(start, length);
        for (int position = start.length; position < length; position++) {
            float[] rotated = new float[logits.length];
            for (int i = 0; i < logits.length; i++) {
                rotated[i] = logits[(i + position) % logits.length];
            }
            history[position] = sampler.sample(
                            MemorySegment.ofArray(rotated), rotated.length, s, history, position, prompt, -1)
                    .id();
        }
        return history;
    }

    @Property(tries = 100)
    void shouldKeepTheMassThatTopPAsksFor(@ForAll("logits") float[] logits, @ForAll long seed) {
        // Given top-p of half: what is drawn is at least as likely as the median by mass
        Sampler sampler = new Sampler();
        int chosen = choose(sampler, logits, filter(1, 0, 0.5f, 0, seed), new int[0], 0);
        // Then the tokens that come before it have less than half of the mass
        double before = 0;
        double all = 0;
        for (int i = 0; i < logits.length; i++) {
            double w = StrictMath.exp(logits[i]);
            all += w;
            if (logits[i] > logits[chosen] || (logits[i] == logits[chosen] && i < chosen)) {
                before += w;
            }
        }
        assertThat(before).isLessThan(0.5 * all * (1 + 1e-9));
    }
}
