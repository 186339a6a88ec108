package io.baton.cli.process;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.Metrics;
import io.baton.cli.launch.Role;
import io.baton.cli.launch.RunState;
import io.baton.inference.v1.GenerateRequest;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A prefill worker that stands still in the middle of a transfer costs a request the time until it is noticed, and one more
 * prefill. What is asserted is the order; the times are printed.
 */
@Tag("process")
class StalledTransferIT {
    private static final int BLOCK = 32;
    private static final int PROMPT = 1500;
    private static final int BLOCKS = PROMPT / BLOCK;
    private static final int TRIES = 20;

    private static Fleet fleet;

    @BeforeAll
    static void start() {
        fleet = SharedFleet.of(SharedFleet.spec(TestModel.any().exact())
                .workers(2, 1)
                .blockSize(BLOCK)
                .setting(Role.ROUTER, "baton.router.retry-budget", "16")
                .build());
    }

    @AfterAll
    static void end() {
        SharedFleet.close();
    }

    /** What happened to one request, in the order in which it was seen. */
    private static final class Course {
        private static final String LIMIT = "the limit was reached";
        private static final String AGAIN = "the prompt was begun again";
        private static final String TOKEN = "the first token came";

        private final RunState.Service victim;
        private final double retries = retries();
        private final double failedPulls = failedPulls();
        private final Map<String, Long> seen = new LinkedHashMap<>();

        Course(RunState.Service victim) {
            this.victim = victim;
        }

        /** The router's limit for a silent worker, and decode's for a pull without progress, are the same: 2 s. */
        synchronized void look() {
            boolean again = retries() > retries;
            // Asked after it, so that what comes before it is seen before it.
            if (!healthy(victim) || failedPulls() > failedPulls) {
                seen.putIfAbsent(LIMIT, System.nanoTime());
            }
            if (again) {
                seen.putIfAbsent(AGAIN, System.nanoTime());
            }
        }

        synchronized void token() {
            if (!seen.containsKey(TOKEN)) {
                long now = System.nanoTime();
                look();
                seen.put(TOKEN, now);
            }
        }

        synchronized Map<String, Long> seen() {
            return new LinkedHashMap<>(seen);
        }
    }

    private static Metrics router() {
        return fleet.metrics(fleet.router());
    }

    private static RunState.Service decode() {
        return fleet.services(Role.DECODE).getFirst();
    }

    private static double retries() {
        return router().sum("baton_router_retries_total");
    }

    private static boolean healthy(RunState.Service worker) {
        String address = worker.host() + ":" + worker.grpcPort();
        return router().sum("baton_router_worker_healthy", Map.of("worker", address)) == 1;
    }

    private static double failedPulls() {
        return fleet.metrics(decode()).sum("baton_errors_total", Map.of("code", "PULL_FAILED"));
    }

    private static double pulledBlocks() {
        return fleet.metrics(decode()).sum("baton_kv_transfer_blocks_total", Map.of("direction", "in"));
    }

    private static double computed(RunState.Service prefill) {
        return fleet.metrics(prefill).sum("baton_prefill_computed_tokens_total");
    }

    private static RunState.Service prefill(boolean working) {
        return fleet.services(Role.PREFILL).stream()
                .filter(p -> fleet.metrics(p).sum("baton_open_legs") > 0 == working)
                .findFirst()
                .orElse(fleet.services(Role.PREFILL).getFirst());
    }

    @Test
    void shouldPrefillOnceMoreWhenAPrefillWorkerStandsStillInMidTransfer() {
        try (Client client = new Client(fleet.grpcAddress())) {
            // The second time nothing of a JVM is cold.
            client.generate(Client.endless(Prompts.random(5000, PROMPT), 1));
            long begin = System.nanoTime();
            client.generate(Client.endless(Prompts.random(5001, PROMPT), 1));
            long undisturbed = System.nanoTime() - begin;
            for (int i = 0; i < TRIES; i++) {
                if (caught(client, Client.endless(Prompts.random(5100 + i, PROMPT), 20), undisturbed)) {
                    return;
                }
            }
            throw new AssertionError(
                    "none of " + TRIES + " prompts could be caught while its blocks were on their way");
        }
    }

    /** Stops the worker when the first block has landed; false if all had by then. */
    private static boolean caught(Client client, GenerateRequest request, long undisturbed) {
        // Given
        double pulled = pulledBlocks();
        AtomicReference<@Nullable Course> course = new AtomicReference<>();
        AtomicBoolean token = new AtomicBoolean();
        long asked = System.nanoTime();
        CompletableFuture<Client.Answer> answer = client.start(request, event -> {
            if (event.hasOutput()) {
                token.set(true);
                Course now = course.get();
                if (now != null) {
                    now.token();
                }
            }
        });
        Await.untilEmpty(() -> pulledBlocks() > pulled || answer.isDone() ? "" : "no block has landed");
        RunState.Service victim = prefill(true);
        RunState.Service other = prefill(false);
        if (victim.name().equals(other.name())) {
            answer.join();
            return false;
        }
        double before = computed(other);
        Course c = new Course(victim);
        course.set(c);
        fleet.signal(victim, "STOP");
        long stopped = System.nanoTime();
        try {
            double landed = pulledBlocks() - pulled;
            if (token.get() || landed >= BLOCKS) {
                return false;
            }

            // When
            Await.untilEmpty(() -> {
                c.look();
                return answer.isDone() ? "" : "no answer yet, but " + c.seen().keySet();
            });

            // Then
            Map<String, Long> seen = c.seen();
            assertThat(seen.keySet()).containsExactly(Course.LIMIT, Course.AGAIN, Course.TOKEN);
            assertThat(computed(other) - before)
                    .as("tokens that were computed again")
                    .isBetween(1.0, (double) PROMPT);
            System.out.printf(
                    "StalledTransferIT: a prefill worker stood still when %.0f of %d blocks had been pulled, %d ms after the"
                            + " request; from then, it was noticed within %d ms, the prompt begun again within %d ms, and the"
                            + " first token came after %d ms; undisturbed it comes %d ms after the request%n",
                    landed,
                    BLOCKS,
                    millis(stopped - asked),
                    millis(requireNonNull(seen.get(Course.LIMIT)) - stopped),
                    millis(requireNonNull(seen.get(Course.AGAIN)) - stopped),
                    millis(requireNonNull(seen.get(Course.TOKEN)) - stopped),
                    millis(undisturbed));
        } finally {
            fleet.signal(victim, "CONT");
            answer.join();
        }
        Await.untilEmpty(() -> healthy(victim) ? "" : victim.name() + " is not well again");
        assertThat(answer.join().ids()).isEqualTo(client.generate(request).ids());
        Counters.awaitNothingHeld(fleet);
        return true;
    }

    private static long millis(long nanos) {
        return TimeUnit.NANOSECONDS.toMillis(nanos);
    }
}
