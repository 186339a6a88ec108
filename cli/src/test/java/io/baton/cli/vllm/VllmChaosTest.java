package io.baton.cli.vllm;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.inference.v1.GenerateRequest;
import io.baton.testvllm.Behaviour;
import io.baton.testvllm.TestVllm;
import io.baton.testvllm.ToyModel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.Test;

/** Servers that restart all the time, under load: a client gets the right text, or the beginning of it and an error. */
class VllmChaosTest {
    private static final int REQUESTS = 200;
    private static final int TOKENS = 20;
    /** Between two faults; longer where a request takes longer, or none would ever be answered. */
    private static final long SHORTEST_CALM = 15_000_000;

    @Test
    void shouldNeverGiveWrongTextWhileServersDieAndComeBack() throws InterruptedException {
        Behaviour quick = Behaviour.usual().taking(Duration.ofMillis(2), Duration.ofMillis(1));
        try (VllmFleet fleet = new VllmFleet(2, 2, quick, Map.of())) {
            // Given
            AtomicBoolean over = new AtomicBoolean();
            long calm = Math.max(SHORTEST_CALM, undisturbed(fleet));
            Thread chaos = Thread.ofPlatform().start(() -> breakServers(fleet, calm, over));

            // When
            List<Answer> answers = new ArrayList<>();
            for (int i = 0; i < REQUESTS; i++) {
                answers.add(fleet.start(request(i)));
                LockSupport.parkNanos(2_000_000);
            }

            // Then
            int whole = 0;
            for (int i = 0; i < REQUESTS; i++) {
                String expected = ToyModel.expected(
                                ToyModel.tokenize(prompt(i)),
                                ToyModel.Rules.of(TOKENS, 7, 1).endless())
                        .text();
                Answer answer = answers.get(i);
                VllmFleet.await("request " + i + " ends", answer::over);
                assertThat(expected).as("request %d", i).startsWith(answer.text());
                if (!answer.failed()) {
                    assertThat(answer.text()).as("request %d", i).isEqualTo(expected);
                    whole++;
                }
            }
            over.set(true);
            chaos.join();
            assertThat(whole).as("requests that were answered in full").isPositive();

            // And when all is well again
            fleet.awaitHealthy(4);
            Answer last = fleet.start(request(0));
            last.finished();
            fleet.settle();
        }
    }

    /** How long a request takes here when nothing breaks, in nanoseconds; a first one has warmed everything up. */
    private static long undisturbed(VllmFleet fleet) {
        fleet.start(request(0)).finished();
        long begun = System.nanoTime();
        fleet.start(request(0)).finished();
        return System.nanoTime() - begun;
    }

    private static void breakServers(VllmFleet fleet, long calmNanos, AtomicBoolean over) {
        Random random = new Random(5);
        List<TestVllm> servers = new ArrayList<>();
        fleet.prefills.forEach(n -> servers.add(n.vllm()));
        fleet.decodes.forEach(n -> servers.add(n.vllm()));
        while (!over.get()) {
            TestVllm server = servers.get(random.nextInt(servers.size()));
            if (random.nextBoolean()) {
                server.restartEngine();
            } else {
                server.restart();
            }
            LockSupport.parkNanos(calmNanos);
        }
    }

    private static String prompt(int i) {
        return "In chaos, request " + i + " keeps its own text. ".repeat(1 + i % 3);
    }

    private static GenerateRequest.Builder request(int i) {
        GenerateRequest.Builder request = VllmFleet.text(prompt(i), TOKENS);
        request.getStopBuilder().setIgnoreEos(true);
        return request;
    }
}
