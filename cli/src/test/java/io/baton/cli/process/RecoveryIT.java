package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.Metrics;
import io.baton.cli.launch.Role;
import io.baton.cli.launch.RunState;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.GenerateResponse;
import io.baton.inference.v1.SamplingParams;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Whatever becomes of a worker, its streams go on with others, and what the client gets is what it would have got. With F32
 * weights and KV and no flash attention, a prompt that is computed again gives the same tokens.
 */
@Tag("process")
class RecoveryIT {
    private static final int BLOCK = 32;
    private static final int LONG_PROMPT = 1500;
    private static final int STREAMS = 6;

    private static Fleet fleet;

    @BeforeAll
    static void start() {
        fleet = SharedFleet.of(SharedFleet.spec(TestModel.any().exact())
                .workers(2, 2)
                .blockSize(BLOCK)
                // A busy machine must not look like a dead worker where a test does not want one.
                .setting(Role.ROUTER, "baton.router.workers.watch-timeout", "2s")
                .setting(Role.ROUTER, "baton.router.workers.lost-timeout", "2s")
                // A stream waits until a process has started; on a busy machine that takes longer than the default.
                .setting(Role.ROUTER, "baton.router.recovery-waits", "150")
                .setting(Role.ROUTER, "baton.router.retry-budget", "16")
                .build());
    }

    @AfterAll
    static void end() {
        SharedFleet.close();
    }

    /** Every worker lives again, is ready, and holds nothing. */
    @AfterEach
    void mend() {
        awaitWorkers(4);
        Counters.awaitNothingHeld(fleet);
    }

    /** Starts what was killed, which may take a moment to die, until the router finds so many workers well. */
    private static void awaitWorkers(int wanted) {
        Await.untilEmpty(() -> {
            for (Role role : List.of(Role.PREFILL, Role.DECODE)) {
                for (RunState.Service service : fleet.services(role)) {
                    if (!service.alive()) {
                        fleet.restart(service);
                    }
                }
            }
            double healthy = fleet.metrics(fleet.router()).sum("baton_router_worker_healthy", Map.of());
            return healthy == wanted ? "" : healthy + " of " + wanted + " workers are healthy";
        });
    }

    /** How a worker is lost. */
    enum Loss {
        KILL,
        STOP;

        void of(RunState.Service service) {
            fleet.signal(service, name());
        }

        void undo(RunState.Service service) {
            if (this == STOP) {
                fleet.signal(service, "CONT");
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Loss.class)
    void shouldGoOnWithAnotherDecodeWorker(Loss loss) {
        // Given
        List<GenerateRequest> requests = requests(60, 1000);
        List<RunState.Service> lost = new ArrayList<>();
        try (Client client = new Client(fleet.grpcAddress())) {
            List<Client.Answer> undisturbed = answers(client, requests);
            double before = moved();

            // When: every stream has tokens from decode
            List<Client.Answer> disturbed;
            try {
                disturbed = answers(client, requests, 5, () -> {
                    lost.add(Counters.busiest(fleet, Role.DECODE));
                    loss.of(lost.getFirst());
                });
            } finally {
                // When it wakes, nobody wants what it has.
                lost.forEach(loss::undo);
            }

            // Then
            assertSame(disturbed, undisturbed);
            assertThat(moved() - before).as("streams that moved").isPositive();
        }
    }

    @ParameterizedTest
    @EnumSource(Loss.class)
    void shouldComputePromptsAgainWithAnotherPrefillWorker(Loss loss) {
        // Given
        List<GenerateRequest> requests = requests(LONG_PROMPT, 40);
        RunState.Service lost = fleet.services(Role.PREFILL).getFirst();
        try (Client client = new Client(fleet.grpcAddress())) {
            List<Client.Answer> undisturbed = answers(client, requests);
            // The prefix caches of the workers would leave nothing to compute.
            fleet.services(Role.PREFILL).forEach(fleet::restart);
            fleet.services(Role.DECODE).forEach(fleet::restart);
            awaitWorkers(4);
            RunState.Service victim = fleet.services(Role.PREFILL).getFirst();
            assertThat(victim.name()).isEqualTo(lost.name());
            double retries = retries();

            // When: the first prompt was accepted
            long begin = System.nanoTime();
            List<Client.Answer> disturbed;
            try {
                disturbed = answers(client, requests, 1, () -> loss.of(victim));
            } finally {
                loss.undo(victim);
            }
            Duration took = Duration.ofNanos(System.nanoTime() - begin);

            // Then
            assertSame(disturbed, undisturbed);
            assertThat(retries() - retries).as("legs that were replaced").isPositive();
            System.out.println("RecoveryIT: " + STREAMS + " prompts of " + LONG_PROMPT + " tokens took "
                    + took.toMillis() + " ms with " + loss + " of a prefill worker");
            loss.undo(victim);
        }
    }

    @Test
    void shouldWaitForADecodeWorkerWhenAllAreLost() {
        // Given
        List<GenerateRequest> requests = requests(60, 800);
        try (Client client = new Client(fleet.grpcAddress())) {
            List<Client.Answer> undisturbed = answers(client, requests);

            // When
            List<Client.Answer> disturbed = answers(client, requests, 5, () -> {
                fleet.services(Role.DECODE).forEach(Loss.KILL::of);
                CompletableFuture.runAsync(
                                () -> fleet.restart(fleet.services(Role.DECODE).getLast()))
                        .join();
            });

            // Then
            assertSame(disturbed, undisturbed);
        }
    }

    @Test
    void shouldMoveAStreamAsOftenAsWorkersAreLost() {
        // Given
        List<GenerateRequest> requests = requests(60, 900).subList(0, 2);
        try (Client client = new Client(fleet.grpcAddress())) {
            List<Client.Answer> undisturbed = answers(client, requests);

            // When
            List<Client.Answer> disturbed = answers(client, requests, 5, () -> {
                Loss.KILL.of(fleet.services(Role.DECODE).getFirst());
                fleet.restart(fleet.services(Role.DECODE).getFirst());
                Loss.KILL.of(fleet.services(Role.DECODE).getLast());
            });

            // Then
            assertSame(disturbed, undisturbed);
        }
    }

    private static void assertSame(List<Client.Answer> disturbed, List<Client.Answer> undisturbed) {
        for (int i = 0; i < undisturbed.size(); i++) {
            Client.Answer expected = undisturbed.get(i);
            Client.Answer actual = disturbed.get(i);
            assertThat(actual.ids()).as("token ids of stream %d", i).isEqualTo(expected.ids());
            assertThat(actual.text()).as("text of stream %d", i).isEqualTo(expected.text());
            assertThat(actual.finished().getCompletion())
                    .isEqualTo(expected.finished().getCompletion());
            assertThat(actual.finished().getUsage().getPromptTokens())
                    .isEqualTo(expected.finished().getUsage().getPromptTokens());
            assertThat(actual.finished().getUsage().getCompletionTokens())
                    .isEqualTo(expected.finished().getUsage().getCompletionTokens());
        }
    }

    /** Half of them greedy; the others drawn with a seed, with penalties, which look back at all that was generated. */
    private static List<GenerateRequest> requests(int prompt, int tokens) {
        List<GenerateRequest> requests = new ArrayList<>();
        for (int i = 0; i < STREAMS; i++) {
            GenerateRequest.Builder request = Client.endless(Prompts.random(1000 + i, prompt), tokens).toBuilder();
            if (i % 2 == 1) {
                request.setSampling(SamplingParams.newBuilder()
                        .setTemperature(0.9f)
                        .setTopP(0.95f)
                        .setRepetitionPenalty(1.1f)
                        .setPresencePenalty(0.2f)
                        .setSeed(70 + i));
            }
            requests.add(request.build());
        }
        return requests;
    }

    private static List<Client.Answer> answers(Client client, List<GenerateRequest> requests) {
        return requests.stream().map(client::start).toList().stream()
                .map(CompletableFuture::join)
                .toList();
    }

    /** Likewise, with something happening when every stream has brought so many events, or has ended. */
    private static List<Client.Answer> answers(
            Client client, List<GenerateRequest> requests, int events, Runnable happening) {
        CountDownLatch reached = new CountDownLatch(requests.size());
        List<CompletableFuture<Client.Answer>> running = new ArrayList<>();
        for (GenerateRequest request : requests) {
            int[] seen = {0};
            running.add(client.start(request, (GenerateResponse event) -> {
                seen[0]++;
                if (seen[0] == events) {
                    reached.countDown();
                }
            }));
        }
        try {
            assertThat(reached.await(Await.LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        }
        happening.run();
        return running.stream().map(CompletableFuture::join).toList();
    }

    private static double moved() {
        return router().sum("baton_router_streams_moved_total", Map.of());
    }

    private static double retries() {
        return router().sum("baton_router_retries_total", Map.of());
    }

    private static Metrics router() {
        return fleet.metrics(fleet.router());
    }
}
