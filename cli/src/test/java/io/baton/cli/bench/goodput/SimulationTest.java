package io.baton.cli.bench.goodput;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.baton.router.config.Disaggregation;
import io.baton.router.config.SchedulingPolicy;
import io.baton.router.schedule.Slo;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class SimulationTest {
    private static final Slo SLO = new Slo(4, 0.05);
    private static final double EXACT = 1e-9;
    private static final Costs COSTS = Costs.example();

    private static Variant variant(SchedulingPolicy policy, Disaggregation mode) {
        return mode == Disaggregation.NEVER ? new Variant(policy, mode, 0, 4) : new Variant(policy, mode, 2, 2);
    }

    private static Job job(double arrival, int prompt, int output, long firstBlock) {
        long[] blocks = new long[Math.ceilDiv(prompt, TraceRequest.BLOCK_TOKENS)];
        for (int i = 0; i < blocks.length; i++) {
            blocks[i] = firstBlock + i;
        }
        return new Job(arrival, new TraceRequest(arrival, prompt, output, blocks), true);
    }

    private static Flight only(Disaggregation mode, Job... jobs) {
        Outcome outcome = Simulation.run(variant(SchedulingPolicy.AUTO, mode), COSTS, SLO, List.of(jobs));
        return outcome.flights().getLast();
    }

    private static double prompt(int tokens) {
        return COSTS.prefillBase() + tokens * COSTS.prefillToken();
    }

    private static double step(int batch) {
        return COSTS.stepBase() + batch * COSTS.stepSequence();
    }

    @Test
    void shouldTakeWhatTheFormulasSayForALoneRequestWithPrefillApart() {
        // When
        Flight flight = only(Disaggregation.ALWAYS, job(1, 2000, 101, 1));

        // Then
        assertThat(flight.ttft()).isCloseTo(prompt(2000), within(EXACT));
        double tail = COSTS.handOver() + COSTS.pull(TraceRequest.BLOCK_TOKENS);
        assertThat(flight.end).isCloseTo(1 + prompt(2000) + tail + 100 * step(1), within(EXACT));
    }

    @Test
    void shouldWaitForTheTransferWhereTheLinkIsSlowerThanPrefill() {
        // Given
        Costs slow = new Costs(0.01, 5e-5, 0.008, 0.0005, 0, 1e8, 131_072, 512, 400_000, 0, 0.1);

        // When
        Flight flight = Simulation.run(
                        variant(SchedulingPolicy.AUTO, Disaggregation.ALWAYS), slow, SLO, List.of(job(0, 2000, 2, 1)))
                .flights()
                .getFirst();

        // Then
        assertThat(slow.pull(2000)).isGreaterThan(prompt(2000));
        assertThat(flight.end).isCloseTo(slow.pull(2000) + step(1), within(EXACT));
    }

    @Test
    void shouldTakeWhatTheFormulasSayForALoneRequestAtOneWorker() {
        // When
        Flight flight = only(Disaggregation.NEVER, job(1, 2000, 101, 1));

        // Then
        assertThat(flight.ttft()).isCloseTo(prompt(2000), within(EXACT));
        assertThat(flight.end).isCloseTo(1 + prompt(2000) + 100 * step(1), within(EXACT));
    }

    @Test
    void shouldHoldUpAStreamByTheChunksOfAPromptAtTheSameWorker() {
        // Given: one worker, one stream, and a prompt of four chunks while it generates
        Variant one = new Variant(SchedulingPolicy.AUTO, Disaggregation.NEVER, 0, 1);
        List<Job> jobs = List.of(job(0, 512, 200, 1), job(0.5, 2048, 1, 100));

        // When
        Flight stream = Simulation.run(one, COSTS, SLO, jobs).flights().getFirst();

        // Then
        assertThat(stream.end).isCloseTo(prompt(512) + 199 * step(1) + prompt(2048), within(EXACT));
    }

    @Test
    void shouldShareStepsBetweenPromptsThatCameTogether() {
        // Given: a long prompt and, right after it, a short one
        Variant one = new Variant(SchedulingPolicy.AUTO, Disaggregation.ALWAYS, 1, 1);
        List<Job> jobs = List.of(job(0, 4096, 1, 1), job(0, 512, 1, 100));

        // When
        List<Flight> flights = Simulation.run(one, COSTS, SLO, jobs).flights();

        // Then: one whole step for the first, then two shared ones
        double shortOne = 2 * COSTS.prefillBase() + COSTS.prefillToken() * (512 + 2 * 512);
        assertThat(flights.get(1).firstToken).isCloseTo(shortOne, within(EXACT));
        double both = 2 * COSTS.prefillBase() + COSTS.prefillToken() * (4096 + 512);
        assertThat(flights.get(0).firstToken).isCloseTo(both, within(EXACT));
    }

    @Test
    void shouldComputeOnlyWhatIsNotCached() {
        // Given: the second turn of a conversation, reported before it comes
        Job first = job(0, 2048, 1, 1);
        Job second = job(5, 3000, 1, 1);

        // When
        Flight flight = only(Disaggregation.ALWAYS, first, second);

        // Then
        assertThat(flight.prefillCached).isEqualTo(2048);
        assertThat(flight.ttft()).isCloseTo(prompt(3000 - 2048), within(EXACT));
    }

    @ParameterizedTest
    @EnumSource(SchedulingPolicy.class)
    void shouldEndEveryRequestWithItsTokensAndReturnAllCells(SchedulingPolicy policy) {
        for (Disaggregation mode : Disaggregation.values()) {
            // Given: far more than the fleet can do
            List<Job> jobs = Replay.jobs(SyntheticTrace.make(400, 3), 400, 30, 7);

            // When
            Outcome outcome = Simulation.run(variant(policy, mode), COSTS, SLO, jobs);

            // Then
            assertThat(outcome.flights()).hasSize(400).allSatisfy(f -> {
                assertThat(f.ended()).isTrue();
                assertThat(f.tokens).isEqualTo(f.request().outputTokens());
                assertThat(f.firstToken).isGreaterThan(f.job.arrival());
                if (mode != Disaggregation.AUTO) {
                    assertThat(f.local).isEqualTo(mode == Disaggregation.NEVER);
                }
            });
            assertThat(outcome.nodes()).allSatisfy(n -> {
                assertThat(n.load().running()).isZero();
                assertThat(n.load().waiting()).isZero();
                assertThat(n.load().queuedTokens()).isZero();
                assertThat(n.load().reservedCells()).isZero();
            });
            long counted = outcome.counted().stream()
                    .mapToLong(f -> f.request().outputTokens() - 1)
                    .sum();
            assertThat(outcome.gaps().total()).isEqualTo(counted);
        }
    }

    @Test
    void shouldRefuseWhatWouldBeLateWhereThereAreDeadlines() {
        // Given: several times what the fleet can do
        Variant one = new Variant(SchedulingPolicy.AUTO, Disaggregation.ALWAYS, 1, 1);
        List<Job> jobs = Replay.jobs(SyntheticTrace.make(300, 3), 300, 12, 7);

        // When
        Outcome all = Simulation.run(one, COSTS, SLO, jobs);
        Outcome some = Simulation.runWithDeadlines(one, COSTS, SLO, jobs, 512);

        // Then
        assertThat(some.flights()).hasSize(300);
        assertThat(some.flights().stream().filter(f -> f.refused)).isNotEmpty();
        assertThat(some.flights()).allSatisfy(f -> assertThat(f.ended()).isNotEqualTo(f.refused));
        assertThat(some.attainment(SLO)).isGreaterThan(all.attainment(SLO));
    }

    @Test
    void shouldNeverPromiseMoreCellsThanThereAre() {
        // Given: room for one request at a time
        Costs small = new Costs(0.01, 5e-5, 0.008, 0.0005, 0, 1e10, 131_072, 512, 5000, 0, 0.1);
        Variant one = new Variant(SchedulingPolicy.AUTO, Disaggregation.ALWAYS, 1, 1);
        List<Job> jobs = List.of(job(0, 2000, 50, 1), job(0, 2000, 50, 100));

        // When
        List<Flight> flights = Simulation.run(one, small, SLO, jobs).flights();

        // Then
        assertThat(flights.get(1).roomTime).isGreaterThanOrEqualTo(flights.get(0).end);
        assertThatThrownBy(() -> Simulation.run(one, small, SLO, List.of(job(0, 4000, 1, 1))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("6048 KV cells");
    }

    @Test
    void shouldDoTheSameForTheSameSeedAndOtherwiseNot() {
        assertThat(times(1)).isEqualTo(times(1)).isNotEqualTo(times(2));
    }

    private static List<Double> times(long seed) {
        List<Job> jobs = Replay.jobs(SyntheticTrace.make(500, 3), 200, 8, seed);
        Outcome outcome = Simulation.run(variant(SchedulingPolicy.AUTO, Disaggregation.AUTO), COSTS, SLO, jobs);
        List<Double> times = new ArrayList<>();
        outcome.flights().forEach(f -> times.addAll(List.of(f.firstToken, f.end)));
        return times;
    }

    @Test
    void shouldReckonWithWhatWasMeasuredBesideTheFormulas() {
        // Given: attention, steps by number of sequences, and workers that slow each other down
        Costs.Detail detail = new Costs.Detail(1e-6, List.of(0.007, 0.014), 1e-5, 0.5, List.of(0.25), 2);
        Costs costs = new Costs(0.01, 5e-5, 0.008, 0.0005, 0.02, Double.MAX_VALUE, 1, 512, 400_000, 0, 0.1, detail);
        Variant one = new Variant(SchedulingPolicy.AUTO, Disaggregation.ALWAYS, 1, 1);

        // When: a stream alone, and a prompt while it runs
        List<Flight> flights = Simulation.run(one, costs, SLO, List.of(job(0, 100, 200, 1), job(0.5, 1000, 2, 100)))
                .flights();

        // Then: the prompt takes half as long again, in two chunks
        double alone = 0.01 + 0.05 + 1e-6 * 1000 * 1000;
        assertThat(flights.get(1).ttft()).isCloseTo(1.5 * alone, within(EXACT));
        assertThat(flights.get(0).ttft()).isCloseTo(0.01 + 0.005 + 0.01, within(EXACT));
        assertThat(flights.get(0).secondToken - flights.get(0).firstToken)
                .isCloseTo(0.02 + 0.007 + 1e-5 * 101, within(EXACT));
        // Two steps more than the hand-over, the rest of a step, and one with both.
        double second = flights.get(1).secondToken - flights.get(1).firstToken;
        assertThat(second).isBetween(0.02 + 2 * 0.008 + 0.014 + 1e-5 * 1100, 0.02 + 3 * 0.0125 + 0.014 + 1e-5 * 1400);
        // More than it would be without a prompt beside it.
        double undisturbed = 0.02;
        for (int i = 1; i < 200; i++) {
            undisturbed += 0.007 + 1e-5 * (100 + i);
        }
        assertThat(flights.get(0).end - flights.get(0).firstToken).isGreaterThan(undisturbed + 0.2);
    }

    @Test
    void shouldHoldPromptsBackAtTheRouterWhereItAdmits() {
        // Given: prompts that come at once, a short one last
        Variant one = new Variant(SchedulingPolicy.AUTO, Disaggregation.ALWAYS, 1, 1);
        List<Job> jobs = new ArrayList<>();
        jobs.add(job(0, 2000, 1, 1));
        for (int i = 1; i < 8; i++) {
            jobs.add(job(5, 10_000, 1, 100L * i));
        }
        jobs.add(job(5.01, 100, 1, 2000));

        // When
        Flight free = Simulation.run(one, COSTS, SLO, jobs).flights().getLast();
        Flight admitted =
                Simulation.runAdmitted(one, COSTS, SLO, jobs).flights().getLast();

        // Then
        assertThat(admitted.ended()).isTrue();
        assertThat(admitted.admitted).isGreaterThan(admitted.job.arrival() + 1);
        assertThat(admitted.prefillStart).isNotEqualTo(free.prefillStart);
    }
}
