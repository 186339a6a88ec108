package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.FleetSpec;
import io.baton.cli.launch.Role;
import io.baton.cli.launch.RunState;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.SamplingParams;
import io.baton.inference.v1.Timing;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Decode workers that compute prompts themselves: with no prefill worker at all, and beside some. */
@Tag("process")
class LocalPromptIT {
    private static final String HOW = "baton.router.schedule.disaggregation";
    private static final int BLOCK = 32;
    private static final int STREAMS = 6;
    private static final int SHORT = 60;
    private static final int LONG = 700;
    /** Between the two. */
    private static final String LOCAL_TOKENS = "200";

    @AfterAll
    static void end() {
        SharedFleet.close();
    }

    private static FleetSpec.Builder spec(TestModel model) {
        return SharedFleet.spec(model.exact())
                .blockSize(BLOCK)
                // A busy machine must not look like a dead worker.
                .setting(Role.ROUTER, "baton.router.workers.watch-timeout", "10s")
                .setting(Role.ROUTER, "baton.router.workers.lost-timeout", "10s")
                // Nor a slow hand-over like a failed one.
                .setting("baton.kv.no-progress-timeout", "20s")
                .setting("baton.worker.drain-grace", "120s");
    }

    /** Two decode workers and nothing else. */
    private static Fleet alone(TestModel model) {
        return SharedFleet.of(
                spec(model).workers(0, 2).setting(Role.ROUTER, HOW, "never").build());
    }

    /** One worker of each role, where what a hand-over costs leaves no doubt about a short prompt. */
    private static Fleet auto() {
        return SharedFleet.of(spec(TestModel.any())
                .setting(Role.ROUTER, HOW, "auto")
                .setting(Role.ROUTER, "baton.router.schedule.hand-over-time", "1h")
                .setting(Role.ROUTER, "baton.router.schedule.local-tokens", LOCAL_TOKENS)
                .setting(Role.ROUTER, "baton.router.schedule.ttft-target", "1h")
                .build());
    }

    /** Half of them greedy; the others drawn with a seed, with penalties, which look back at all that was generated. */
    private static List<GenerateRequest> requests(int seed, int prompt, int tokens) {
        List<GenerateRequest> requests = new ArrayList<>();
        for (int i = 0; i < STREAMS; i++) {
            GenerateRequest.Builder request = Client.endless(Prompts.random(seed + i, prompt), tokens).toBuilder();
            if (i % 2 == 1) {
                request.setSampling(SamplingParams.newBuilder()
                        .setTemperature(0.9f)
                        .setTopP(0.95f)
                        .setRepetitionPenalty(1.1f)
                        .setPresencePenalty(0.2f)
                        .setSeed(270 + i));
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

    /** Likewise, with something happening when every stream has brought some tokens. */
    private static List<Client.Answer> answers(Client client, List<GenerateRequest> requests, Runnable happening)
            throws InterruptedException {
        CountDownLatch running = new CountDownLatch(requests.size());
        List<CompletableFuture<Client.Answer>> streams = new ArrayList<>();
        for (GenerateRequest request : requests) {
            int[] seen = {0};
            streams.add(client.start(request, event -> {
                seen[0]++;
                if (seen[0] == 5) {
                    running.countDown();
                }
            }));
        }
        assertThat(running.await(Await.LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
        happening.run();
        return streams.stream().map(CompletableFuture::join).toList();
    }

    private static void assertSame(List<Client.Answer> actual, List<Client.Answer> expected) {
        assertThat(actual).hasSameSizeAs(expected);
        for (int i = 0; i < expected.size(); i++) {
            assertThat(actual.get(i).ids())
                    .as("token ids of stream %d", i)
                    .isEqualTo(expected.get(i).ids());
            assertThat(actual.get(i).text()).isEqualTo(expected.get(i).text());
            assertThat(actual.get(i).finished().getCompletion())
                    .isEqualTo(expected.get(i).finished().getCompletion());
        }
    }

    private static boolean local(Client.Answer answer) {
        Timing timing = answer.finished().getTiming();
        boolean local = timing.getPrefillWorker().isEmpty();
        assertThat(timing.getBlocksPulled() == 0).isEqualTo(local);
        assertThat(timing.getDecodeComputedTokens() > 0).isEqualTo(local);
        return local;
    }

    private static double router(Fleet fleet, String name) {
        return fleet.metrics(fleet.router()).sum(name, Map.of());
    }

    private static void restart(Fleet fleet, RunState.Service ended) {
        Await.untilEmpty(() -> ended.alive() ? ended.name() + " is still there" : "");
        fleet.restart(ended);
    }

    private static void awaitHealthy(Fleet fleet, int workers) {
        Await.untilEmpty(() -> {
            double healthy = router(fleet, "baton_router_worker_healthy");
            return healthy == workers ? "" : healthy + " of " + workers + " workers are healthy";
        });
    }

    /** Goes on until prompts were measured, before which auto uses prefill. */
    private static void awaitMeasured(Client client) {
        int[] seed = {500};
        Await.untilEmpty(() -> local(client.generate(Client.endless(Prompts.random(seed[0]++, SHORT), 4)))
                ? ""
                : "a short prompt still goes to prefill");
    }

    @Test
    void shouldGiveEveryGoldenTokenForTokenWithoutAPrefillWorker() {
        for (TestModel model : List.of(TestModel.demo(), TestModel.any())) {
            // Given
            Fleet fleet = alone(model);
            List<TestModel.Golden> goldens = model.readGoldens();
            assertThat(goldens).isNotEmpty();
            try (Client client = new Client(fleet.grpcAddress())) {
                Counters before = Counters.of(fleet);
                List<GenerateRequest> asked = goldens.stream()
                        .map(g -> Client.greedy(g.promptIds(), g.greedyIds().size()))
                        .toList();

                // When
                List<Client.Answer> alone = asked.stream().map(client::generate).toList();
                List<Client.Answer> together = answers(client, asked);

                // Then
                for (int i = 0; i < goldens.size(); i++) {
                    assertThat(alone.get(i).ids())
                            .as(goldens.get(i).name())
                            .isEqualTo(goldens.get(i).greedyIds());
                    assertThat(together.get(i).ids())
                            .as(goldens.get(i).name())
                            .isEqualTo(goldens.get(i).greedyIds());
                }
                assertThat(alone).allMatch(LocalPromptIT::local);
                double computed = java.util.stream.Stream.concat(alone.stream(), together.stream())
                        .mapToInt(a -> a.finished().getTiming().getDecodeComputedTokens())
                        .sum();
                Counters counted = Counters.of(fleet).minus(before);
                assertThat(counted.decodeComputed()).isEqualTo(computed);
                assertThat(counted.pulledBytes()).isZero();
                Counters.awaitNothingHeld(fleet);
            }
        }
    }

    @Test
    void shouldTokeniseTextWithoutAPrefillWorker() {
        // Given
        TestModel model = TestModel.any();
        Fleet fleet = alone(model);
        TestModel.Golden golden = model.readGoldens().stream()
                .filter(g -> !g.prompt().isEmpty())
                .findFirst()
                .orElseThrow();
        try (Client client = new Client(fleet.grpcAddress())) {
            // When
            Client.Answer answer = client.generate(Client.greedy(
                    Prompt.newBuilder().setText(golden.prompt()).build(),
                    golden.greedyIds().size()));

            // Then
            assertThat(answer.started().getPromptTokens())
                    .isEqualTo(golden.promptIds().size());
            assertThat(answer.ids()).isEqualTo(golden.greedyIds());
        }
    }

    @Test
    void shouldTakeAConversationsNextTurnFromThePrefixCache() {
        // Given
        Fleet fleet = alone(TestModel.any());
        try (Client client = new Client(fleet.grpcAddress())) {
            List<Integer> prompt = Prompts.random(900, 5 * BLOCK);
            Client.Answer first = client.generate(Client.endless(prompt, 2 * BLOCK));
            assertThat(first.finished().getUsage().getPrefillCachedTokens()).isZero();
            List<Integer> next = Prompts.concat(Prompts.concat(prompt, first.ids()), Prompts.random(901, 10));

            // When: there are two workers, and one of them has it
            List<Client.Answer> turns = List.of(
                    client.generate(Client.endless(next, 8)),
                    client.generate(Client.endless(next, 8)),
                    client.generate(Client.endless(next, 8)));

            // Then
            int full = (prompt.size() + first.ids().size() - 1) / BLOCK * BLOCK;
            assertThat(turns)
                    .extracting(a -> a.finished().getUsage().getPrefillCachedTokens())
                    .anyMatch(cached -> cached >= full);
            assertThat(turns)
                    .extracting(Client.Answer::ids)
                    .containsOnly(turns.getFirst().ids());
        }
    }

    @Test
    void shouldContinueStreamsOfAKilledWorkerOnTheOther() throws Exception {
        // Given
        Fleet fleet = alone(TestModel.any());
        awaitHealthy(fleet, 2);
        List<GenerateRequest> requests = requests(2000, SHORT, 300);
        try (Client client = new Client(fleet.grpcAddress())) {
            List<Client.Answer> undisturbed = answers(client, requests);
            double moved = router(fleet, "baton_router_streams_moved_total");

            // When
            List<RunState.Service> lost = new ArrayList<>();
            List<Client.Answer> disturbed = answers(client, requests, () -> {
                lost.add(Counters.busiest(fleet, Role.DECODE));
                fleet.signal(lost.getFirst(), "KILL");
            });

            // Then
            assertSame(disturbed, undisturbed);
            assertThat(router(fleet, "baton_router_streams_moved_total")).isGreaterThan(moved);
            restart(fleet, lost.getFirst());
            awaitHealthy(fleet, 2);
            Counters.awaitNothingHeld(fleet);
        }
    }

    @Test
    void shouldHandStreamsOverThatDecodeBeganItself() throws Exception {
        // Given
        Fleet fleet = alone(TestModel.any());
        awaitHealthy(fleet, 2);
        List<GenerateRequest> requests = requests(2100, SHORT, 600);
        try (Client client = new Client(fleet.grpcAddress())) {
            List<Client.Answer> undisturbed = answers(client, requests);
            double over = router(fleet, "baton_router_streams_handed_over_total");
            double retries = router(fleet, "baton_router_retries_total");

            // When
            List<RunState.Service> drained = new ArrayList<>();
            List<Client.Answer> disturbed = answers(client, requests, () -> {
                drained.add(Counters.busiest(fleet, Role.DECODE));
                fleet.signal(drained.getFirst(), "TERM");
            });

            // Then
            assertSame(disturbed, undisturbed);
            assertThat(router(fleet, "baton_router_streams_handed_over_total")).isGreaterThan(over);
            assertThat(router(fleet, "baton_router_retries_total")).isEqualTo(retries);
            restart(fleet, drained.getFirst());
            awaitHealthy(fleet, 2);
            Counters.awaitNothingHeld(fleet);
        }
    }

    @Test
    void shouldSendShortPromptsToDecodeAndLongOnesToPrefill() {
        // Given
        Fleet fleet = auto();
        awaitHealthy(fleet, 2);
        try (Client client = new Client(fleet.grpcAddress())) {
            awaitMeasured(client);
            double localPicks = picks(fleet, "local");
            Counters before = Counters.of(fleet);

            // When
            List<Client.Answer> shortOnes = answers(client, requests(2200, SHORT, 20));
            List<Client.Answer> longOnes = answers(client, requests(2300, LONG, 20));

            // Then
            assertThat(shortOnes).allMatch(LocalPromptIT::local);
            assertThat(longOnes).noneMatch(LocalPromptIT::local);
            assertThat(picks(fleet, "local") - localPicks).isEqualTo(STREAMS);
            Counters counted = Counters.of(fleet).minus(before);
            assertThat(counted.decodeComputed()).isEqualTo(STREAMS * SHORT);
            assertThat(counted.prefillComputed()).isEqualTo(STREAMS * LONG);

            // When a long prompt comes again, decode has it
            Client.Answer again = client.generate(requests(2300, LONG, 20).getFirst());

            // Then
            assertThat(again.ids()).isEqualTo(longOnes.getFirst().ids());
            Counters.awaitNothingHeld(fleet);
        }
    }

    private static double picks(Fleet fleet, String mode) {
        return fleet.metrics(fleet.router()).sum("baton_router_picks_total", Map.of("mode", mode));
    }

    @Test
    void shouldGoOnWithTheSameTextWhenTheOnlyPrefillWorkerIsKilled() throws Exception {
        // Given long prompts that prefill computed
        Fleet fleet = auto();
        awaitHealthy(fleet, 2);
        List<GenerateRequest> requests = requests(2400, LONG, 60);
        List<GenerateRequest> running = requests(2500, LONG, 400);
        try (Client client = new Client(fleet.grpcAddress())) {
            List<Client.Answer> disaggregated = answers(client, requests);
            List<Client.Answer> undisturbed = answers(client, running);
            assertThat(disaggregated).noneMatch(LocalPromptIT::local);
            // The prefix cache would leave nothing to compute.
            fleet.restart(fleet.services(Role.DECODE).getFirst());
            awaitHealthy(fleet, 2);
            RunState.Service prefill = fleet.services(Role.PREFILL).getFirst();

            // When
            List<Client.Answer> disturbed = answers(client, running, () -> fleet.signal(prefill, "KILL"));
            awaitHealthy(fleet, 1);
            List<Client.Answer> alone = answers(client, requests);

            // Then
            assertSame(disturbed, undisturbed);
            assertSame(alone, disaggregated);
            assertThat(alone).allMatch(LocalPromptIT::local);
            assertThat(fleet.ready(fleet.router())).isTrue();

            // When it is back
            fleet.restart(prefill);
            awaitHealthy(fleet, 2);

            // Then
            assertThat(local(client.generate(requests(2600, LONG, 5).getFirst())))
                    .isFalse();
            Counters.awaitNothingHeld(fleet);
        }
    }
}
