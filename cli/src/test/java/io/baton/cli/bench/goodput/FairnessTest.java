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
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.junit.jupiter.api.Test;

/** The product's admission, with its defaults, in front of the simulated fleet. */
class FairnessTest {
    private static final Slo SLO = new Slo(4, 0.05);
    private static final Costs COSTS = Costs.example();
    private static final Variant FLEET = new Variant(SchedulingPolicy.AUTO, Disaggregation.ALWAYS, 4, 4);
    private static final Headroom HEADROOM = new Headroom(0.25, 2, 192, false);
    private static final AdmissionSettings DEFAULTS = new AdmissionSettings(
            2048, 1024, 64 << 20, TimeUnit.MINUTES.toNanos(2), 0.05, 2048, Map.of(), TenantRules.FREE);
    private static final double HOUR = 3600;

    /** A tenant's conversations, made to come at a rate from 0 to {@code until}; no tenant has a block of another. */
    private static List<Job> jobs(String tenant, int number, Priority priority, double rate, double until) {
        int count = (int) (rate * until);
        List<TraceRequest> trace = SyntheticTrace.make(Math.min(count, 6000), 100 + number);
        RandomGenerator random = RandomGeneratorFactory.of("L64X128MixRandom").create(number);
        List<Job> jobs = new ArrayList<>(count);
        double now = 0;
        for (int i = 0; i < count; i++) {
            TraceRequest r = trace.get(i % trace.size());
            long offset = ((long) number << 40) + ((long) (i / trace.size()) << 32);
            long[] blocks = Arrays.stream(r.blocks()).map(b -> b + offset).toArray();
            now += random.nextExponential() / rate;
            boolean counted = now > 0.1 * until && now < 0.95 * until;
            TraceRequest moved = new TraceRequest(r.seconds(), r.promptTokens(), r.outputTokens(), blocks);
            jobs.add(new Job(now, moved, counted, tenant, priority));
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
        return Simulation.run(FLEET, COSTS, SLO, all, DEFAULTS, headroom).counted();
    }

    private static Headroom headroom = HEADROOM;

    @Test
    void explore() {
        double until = 600;
        List<Job> a = jobs("a", 1, Priority.NORMAL, 2, until);
        List<Job> b = jobs("b", 2, Priority.NORMAL, 2, until);
        List<Job> flood = jobs("flood", 3, Priority.NORMAL, 40, until);
        for (Headroom h : List.of(
                new Headroom(0.25, 2, 192, false),
                new Headroom(0.25, 1, 192, false),
                new Headroom(0.12, 1, 192, false),
                new Headroom(0.12, 2, 192, false))) {
            headroom = h;
            long begin = System.nanoTime();
            List<Flight> without = run(a, b);
            long middle = System.nanoTime();
            List<Flight> with = run(a, b, flood);
            System.out.println("EXPLORE " + h + " took " + (middle - begin) / 1000000 + " "
                    + (System.nanoTime() - middle) / 1000000);
            for (String tenant : List.of("a", "b")) {
                System.out.println("EXPLORE " + tenant + " p50 " + percentile(without, 50, of(tenant)) + " -> "
                        + percentile(with, 50, of(tenant)) + " p99 " + percentile(without, 99, of(tenant)) + " -> "
                        + percentile(with, 99, of(tenant)) + " hit "
                        + hit(without, tenant) + " -> " + hit(with, tenant) + " wait p99 " + wait(with, tenant));
            }
            System.out.println("EXPLORE flood served "
                    + with.stream().filter(of("flood")).filter(f -> !f.refused).count()
                    + " p50 " + percentile(with, 50, of("flood")) + " tokens "
                    + with.stream()
                                    .filter(of("flood"))
                                    .filter(f -> !f.refused)
                                    .mapToLong(f -> f.request().promptTokens())
                                    .sum()
                            / (0.85 * until));
        }
        headroom = HEADROOM;
    }

    private static double hit(List<Flight> flights, String tenant) {
        double cached = flights.stream()
                .filter(of(tenant))
                .mapToDouble(f -> f.prefillCached)
                .sum();
        return cached
                / flights.stream()
                        .filter(of(tenant))
                        .mapToDouble(f -> f.request().promptTokens())
                        .sum();
    }

    private static double wait(List<Flight> flights, String tenant) {
        Histogram h = new Histogram();
        flights.stream().filter(of(tenant)).filter(f -> !f.refused).forEach(f -> h.add(f.admitted - f.job.arrival()));
        return h.percentile(99);
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

    @Test
    void shouldProtectATenantFromTheFloodOfAnother() {
        double until = 900;
        List<Job> a = jobs("a", 1, Priority.NORMAL, 2, until);
        List<Job> b = jobs("b", 2, Priority.NORMAL, 2, until);
        // When
        List<Flight> without = run(a, b);
        List<Flight> with = run(a, b, jobs("flood", 3, Priority.NORMAL, 60, until));
        // Then
        for (String tenant : List.of("a", "b")) {
            double before = percentile(without, 99, of(tenant));
            double after = percentile(with, 99, of(tenant));
            System.out.println(tenant + " p50 " + percentile(without, 50, of(tenant)) + " -> "
                    + percentile(with, 50, of(tenant)) + " p99 " + before + " -> " + after);
            assertThat(with.stream().filter(of(tenant))).noneMatch(f -> f.refused);
            assertThat(after).isLessThan(1.2 * before);
        }
        System.out.println("flood "
                + with.stream().filter(of("flood")).filter(f -> f.refused).count() + " of "
                + with.stream().filter(of("flood")).count());
    }

    @Test
    void shouldStarveNobodyInAnHourOfAFloodOfTheFirstClass() {
        // Given: twice as much of the first class as the fleet can do
        List<Job> high = jobs("a", 1, Priority.HIGH, 16, HOUR);
        List<Job> normal = jobs("a", 2, Priority.NORMAL, 0.2, HOUR);
        List<Job> batch = jobs("a", 3, Priority.BATCH, 0.2, HOUR);
        // When
        List<Flight> flights = run(high, normal, batch);
        // Then
        for (Priority p : Priority.values()) {
            System.out.println(p + " refused "
                    + flights.stream().filter(of(p)).filter(f -> f.refused).count() + " of "
                    + flights.stream().filter(of(p)).count() + " p50 " + percentile(flights, 50, of(p)) + " p99 "
                    + percentile(flights, 99, of(p)) + " max " + percentile(flights, 100, of(p)));
        }
    }
}
