package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.Metrics;
import io.baton.cli.launch.Role;
import io.baton.cli.launch.RunState;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.SamplingParams;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A decode worker that gets SIGTERM hands its streams over: none breaks, and nothing is computed for it. */
@Tag("process")
class HandOverIT {
    private static final int BLOCK = 32;
    /** On both decode workers together: those of the drained one move, but for those that have ended until then. */
    private static final int STREAMS = 40;
    /** Streams that move at least. */
    private static final int MOVE = 16;

    /** One more than a block: the second time, prefill computes one token, and the streams begin at about the same time. */
    private static final int PROMPT = BLOCK + 1;

    /** So many that no stream ends while the last one begins, and so few that one worker has room for all streams. */
    private static final int TOKENS = 350;
    /** Tokens of a stream before the worker is told to end. */
    private static final int BEFORE = 5;

    private static Fleet fleet;

    @BeforeAll
    static void start() {
        fleet = SharedFleet.of(SharedFleet.spec(TestModel.any().exact())
                .workers(1, 2)
                .mtls(true)
                .blockSize(BLOCK)
                // All begin together: who waits at the router would find the others near their ends.
                .setting(Role.ROUTER, "baton.router.admission.prompts-per-worker", "64")
                // A busy machine must not look like a dead worker.
                .setting(Role.ROUTER, "baton.router.workers.watch-timeout", "10s")
                .setting(Role.ROUTER, "baton.router.workers.lost-timeout", "10s")
                // Nor a slow hand-over like a failed one.
                .setting("baton.kv.no-progress-timeout", "20s")
                .setting("baton.worker.drain-grace", "120s")
                .build());
    }

    @AfterAll
    static void end() {
        SharedFleet.close();
    }

    /** When tokens of a stream came. */
    private static final class Gaps {
        private long last;
        private long longest;

        void token() {
            long now = System.nanoTime();
            longest = last == 0 ? 0 : Math.max(longest, now - last);
            last = now;
        }
    }

    @Test
    void shouldHandRunningStreamsOverWithoutComputingAnyTokenAgain() throws Exception {
        try (Client client = new Client(fleet.grpcAddress())) {
            // Given: both decode workers, since one alone would take every stream
            Await.untilEmpty(() -> router("baton_router_worker_healthy") == 3 ? "" : "not all workers are known");
            List<Gaps> quiet = new ArrayList<>();
            List<Client.Answer> undisturbed = run(client, quiet, new CountDownLatch(0)).stream()
                    .map(CompletableFuture::join)
                    .toList();
            Counters.awaitNothingHeld(fleet);
            RunState.Service drained = fleet.services(Role.DECODE).getFirst();
            CountDownLatch running = new CountDownLatch(STREAMS);
            List<Gaps> gaps = new ArrayList<>();
            List<CompletableFuture<Client.Answer>> streams = run(client, gaps, running);
            assertThat(running.await(Await.LONG.toSeconds(), TimeUnit.SECONDS)).isTrue();
            Counters before = Counters.of(fleet);
            double handedOver = router("baton_router_streams_handed_over_total");
            double retries = router("baton_router_retries_total");
            double moved = router("baton_router_streams_moved_total");
            double there = fleet.metrics(drained).sum("baton_open_legs", Map.of());

            // When
            fleet.signal(drained, "TERM");
            List<Client.Answer> disturbed =
                    streams.stream().map(CompletableFuture::join).toList();

            // Then every stream is what it would have been
            for (int i = 0; i < STREAMS; i++) {
                assertThat(disturbed.get(i).ids())
                        .as("token ids of stream %d", i)
                        .isEqualTo(undisturbed.get(i).ids());
                assertThat(disturbed.get(i).text()).isEqualTo(undisturbed.get(i).text());
                assertThat(disturbed.get(i).finished().getCompletion())
                        .isEqualTo(undisturbed.get(i).finished().getCompletion());
            }

            // and went over as it was: no leg failed, and no token of a prompt was computed, here or there
            double over = router("baton_router_streams_handed_over_total") - handedOver;
            assertThat(over)
                    .as("streams that were handed over, of " + there + " at the worker")
                    .isBetween((double) MOVE, there);
            assertThat(router("baton_router_retries_total")).isEqualTo(retries);
            assertThat(router("baton_router_streams_moved_total")).isEqualTo(moved);
            Await.untilEmpty(() -> drained.alive() ? drained.name() + " is still there" : "");
            RunState.Service other = fleet.services(Role.DECODE).getLast();
            assertThat(fleet.metrics(other).sum("baton_decode_computed_prompt_tokens_total", Map.of()))
                    .isZero();
            assertThat(fleet.metrics(fleet.services(Role.PREFILL).getFirst())
                            .sum("baton_prefill_computed_tokens_total", Map.of()))
                    .isEqualTo(before.prefillComputed());
            fleet.restart(drained);
            Counters.awaitNothingHeld(fleet);
            System.out.printf(
                    "HandOverIT: %d streams of %d were handed over; longest gap between two tokens %.0f ms,"
                            + " undisturbed %.0f ms%n",
                    (int) over, STREAMS, longest(gaps), longest(quiet));
        }
    }

    private static List<CompletableFuture<Client.Answer>> run(Client client, List<Gaps> gaps, CountDownLatch running) {
        List<CompletableFuture<Client.Answer>> streams = new ArrayList<>();
        for (GenerateRequest request : requests()) {
            Gaps of = new Gaps();
            gaps.add(of);
            int[] seen = {0};
            streams.add(client.start(request, event -> {
                if (event.hasOutput()) {
                    of.token();
                    seen[0]++;
                    if (seen[0] == BEFORE) {
                        running.countDown();
                    }
                }
            }));
        }
        return streams;
    }

    /** Half of them greedy; the others drawn with a seed, with penalties, which look back at all that was generated. */
    private static List<GenerateRequest> requests() {
        List<GenerateRequest> requests = new ArrayList<>();
        for (int i = 0; i < STREAMS; i++) {
            GenerateRequest.Builder request = Client.endless(Prompts.random(3000 + i, PROMPT), TOKENS).toBuilder();
            if (i % 4 >= 2) {
                request.setSampling(SamplingParams.newBuilder()
                        .setTemperature(0.9f)
                        .setTopP(0.95f)
                        .setRepetitionPenalty(1.1f)
                        .setPresencePenalty(0.2f)
                        .setSeed(170 + i));
            }
            requests.add(request.build());
        }
        return requests;
    }

    private static double longest(List<Gaps> gaps) {
        return gaps.stream().mapToLong(g -> g.longest).max().orElse(0) / 1e6;
    }

    private static double router(String name) {
        Metrics metrics = fleet.metrics(fleet.router());
        return metrics.sum(name, Map.of());
    }
}
