package io.baton.cli.bench.goodput;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.router.admission.AdmissionSettings;
import io.baton.router.admission.Priority;
import io.baton.router.admission.TenantRules;
import io.baton.router.config.Disaggregation;
import io.baton.router.config.SchedulingPolicy;
import io.baton.router.schedule.Headroom;
import io.baton.router.schedule.Slo;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The product's admission, with its defaults, in front of the simulated fleet. */
class FairnessTest {
    private static final Slo SLO = new Slo(4, 0.05);
    private static final Costs COSTS = Costs.example();
    private static final Variant FLEET = new Variant(SchedulingPolicy.AUTO, Disaggregation.ALWAYS, 4, 4);
    private static final Headroom HEADROOM = new Headroom(0.25, 2, 192, 0.25, false);
    private static final AdmissionSettings DEFAULTS = new AdmissionSettings(
            2048, 1024, 64 << 20, TimeUnit.MINUTES.toNanos(2), 0.05, 2048, Map.of(), TenantRules.FREE);
    private static final double HOUR = 3600;

    /**
     * Requests of a tenant, with lengths of conversations, that come at a rate from 0 to {@code until}. No prompt begins like
     * another: what a flood does to prefix caches is not admission's.
     */
    private static List<Job> jobs(String tenant, int number, Priority priority, double rate, double until) {
        int count = (int) (rate * until);
        List<TraceRequest> trace = SyntheticTrace.make(Math.min(count, 6000), 100 + number);
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(number);
        List<Job> jobs = new ArrayList<>(count);
        long block = (long) number << 40;
        double now = 0;
        for (int i = 0; i < count; i++) {
            TraceRequest r = trace.get(i % trace.size());
            long[] blocks = new long[r.blocks().length];
            for (int k = 0; k < blocks.length; k++) {
                blocks[k] = block++;
            }
            now += random.nextExponential() / rate;
            boolean counted = now > 0.1 * until && now < 0.95 * until;
            TraceRequest alone = new TraceRequest(r.seconds(), r.promptTokens(), r.outputTokens(), blocks);
            jobs.add(new Job(now, alone, counted, tenant, priority));
        }
        return jobs;
    }

    @SafeVarargs
    private static List<Flight> run(List<Job>... tenants) {
        List<Job> all = new ArrayList<>();
        for (List<Job> jobs : tenants) {
            all.addAll(jobs);
        }
        all.sort(Comparator.comparingDouble(Job::arrival));
        return Simulation.run(FLEET, COSTS, SLO, all, DEFAULTS, HEADROOM).counted();
    }

    private static double percentile(List<Flight> flights, double percent, Predicate<Flight> which) {
        Histogram ttft = new Histogram();
        flights.stream().filter(which).filter(f -> !f.refused).forEach(f -> ttft.add(f.ttft()));
        return ttft.percentile(percent);
    }

    private static Predicate<Flight> of(String tenant) {
        return f -> f.job.tenant().equals(tenant);
    }

    private static Predicate<Flight> of(Priority priority) {
        return f -> f.job.priority() == priority;
    }

    /** Requests per second that the prefill workers can do. */
    private static double capacity() {
        double mean = SyntheticTrace.make(3000, 1).stream()
                .mapToInt(TraceRequest::promptTokens)
                .average()
                .orElseThrow();
        return FLEET.prefills() / (COSTS.prefillBase() + mean * COSTS.prefillToken());
    }

    @ParameterizedTest
    @ValueSource(doubles = {0.1, 0.2, 0.4})
    void shouldProtectTenantsFromTheFloodOfAnother(double load) {
        // Given: two tenants that use a part of the fleet, and one that asks for five times the fleet
        double until = 1800;
        List<Job> a = jobs("a", 1, Priority.NORMAL, load / 2 * capacity(), until);
        List<Job> b = jobs("b", 2, Priority.NORMAL, load / 2 * capacity(), until);
        List<Job> flood = jobs("flood", 3, Priority.NORMAL, 5 * capacity(), until);
        // When
        List<Flight> without = run(a, b);
        List<Flight> with = run(a, b, flood);
        // Then
        for (String tenant : List.of("a", "b")) {
            double before = percentile(without, 99, of(tenant));
            double after = percentile(with, 99, of(tenant));
            System.out.printf(
                    Locale.ROOT,
                    "load %.0f %%, tenant %s: TTFT p50 %.2f s, %.2f s under the flood; p99 %.2f s, %.2f s: %.2f times%n",
                    100 * load,
                    tenant,
                    percentile(without, 50, of(tenant)),
                    percentile(with, 50, of(tenant)),
                    before,
                    after,
                    after / before);
            assertThat(with.stream().filter(of(tenant))).noneMatch(f -> f.refused);
            assertThat(after).isLessThanOrEqualTo(1.2 * before);
        }
        // Then: the flood gets most of what is left
        long served = with.stream().filter(of("flood")).filter(f -> !f.refused).count();
        assertThat(served / (0.85 * until)).isGreaterThan(0.5 * (1 - load) * capacity());
    }

    @Test
    void shouldServeEarlierClassesAsIfLaterOnesWereNotThere() {
        // Given: half of what the fleet can do in the first class, and far too much in the others
        double until = 1800;
        List<Job> high = jobs("a", 1, Priority.HIGH, 0.5 * capacity(), until);
        List<Job> normal = jobs("a", 2, Priority.NORMAL, 2 * capacity(), until);
        List<Job> batch = jobs("a", 3, Priority.BATCH, 2 * capacity(), until);
        // When
        List<Flight> flights = run(high, normal, batch);
        // Then: all of the first class is served, in a fraction of the time of the others
        assertThat(flights.stream().filter(of(Priority.HIGH))).noneMatch(f -> f.refused);
        double first = percentile(flights, 99, of(Priority.HIGH));
        assertThat(first).isLessThan(0.2 * percentile(flights, 50, of(Priority.NORMAL)));
        long servedNormal = flights.stream()
                .filter(of(Priority.NORMAL).and(f -> !f.refused))
                .count();
        long servedBatch =
                flights.stream().filter(of(Priority.BATCH).and(f -> !f.refused)).count();
        assertThat(servedNormal).isGreaterThan(4 * servedBatch);
        assertThat(servedBatch).isPositive();
    }

    @Test
    void shouldStarveNobodyInAnHourOfAFloodOfTheFirstClass() {
        // Given: twice as much of the first class as the fleet can do, and a little of the others
        List<Job> high = jobs("a", 1, Priority.HIGH, 2 * capacity(), HOUR);
        List<Job> normal = jobs("a", 2, Priority.NORMAL, 0.02 * capacity(), HOUR);
        List<Job> batch = jobs("b", 3, Priority.BATCH, 0.02 * capacity(), HOUR);
        // When
        List<Flight> flights = run(high, normal, batch);
        // Then: none of them is refused, and none waits longer than those of the flood, which are before them
        for (Priority later : List.of(Priority.NORMAL, Priority.BATCH)) {
            List<Flight> served = flights.stream().filter(of(later)).toList();
            assertThat(served).hasSizeGreaterThan(300).noneMatch(f -> f.refused);
            assertThat(percentile(flights, 100, of(later))).isLessThan(percentile(flights, 50, of(Priority.HIGH)));
        }
        // Then: the flood itself is served too, all the time
        List<Double> admitted = flights.stream()
                .filter(of(Priority.HIGH).and(f -> !f.refused))
                .map(f -> f.admitted)
                .sorted()
                .toList();
        for (int i = 1; i < admitted.size(); i++) {
            assertThat(admitted.get(i) - admitted.get(i - 1)).isLessThan(10);
        }
    }
}
