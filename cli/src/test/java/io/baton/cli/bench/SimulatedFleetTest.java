package io.baton.cli.bench;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

class SimulatedFleetTest {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    @Test
    void shouldBeAsManyAddressesAsWorkersOnOnePort() {
        for (int worker : List.of(0, 1, 255, 256, 999, 65_536)) {
            String address = SimulatedFleet.addresses(worker, worker + 1, 7).getFirst();
            assertThat(address).startsWith("127.").endsWith(":7");
            assertThat(SimulatedFleet.workerOf(address)).isEqualTo(worker);
        }
    }

    @Test
    void shouldCountEveryRequestAndItsToken() throws Exception {
        // Given
        List<OpenLoop.Arrival> arrivals = OpenLoop.poisson(200, Duration.ofMillis(250), 1000, 1, 1);
        try (SimulatedFleet fleet = SimulatedFleet.start(3, 2, 256, Duration.ofMillis(1), null);
                RouterClient client =
                        new DirectClient(SimulatedFleet.addresses(0, 3, fleet.port()), new TextPrompts())) {
            // When
            OpenLoop.Result result = OpenLoop.run(client, arrivals, PATIENCE);

            // Then
            assertThat(arrivals).isNotEmpty();
            assertThat(result.failure()).isNull();
            assertThat(result.requests()).isEqualTo(arrivals.size());
            assertThat(result.tokens()).isEqualTo(arrivals.size());
            assertThat(result.firstTokens()).hasSize(arrivals.size()).allMatch(nanos -> nanos > 0);
        }
    }

    @Test
    void shouldCountAnAnswerOfAnotherLengthAsFailure() throws Exception {
        // Given: who asks directly gets one token, whatever was asked for
        try (SimulatedFleet fleet = SimulatedFleet.start(1, 1, 256, Duration.ofMillis(1), null);
                RouterClient client =
                        new DirectClient(SimulatedFleet.addresses(0, 1, fleet.port()), new TextPrompts())) {
            // When
            OpenLoop.Result result = OpenLoop.run(client, OpenLoop.burst(3, 100, 2), PATIENCE);

            // Then
            assertThat(result.requests()).isZero();
            assertThat(result.failures()).isEqualTo(3);
            assertThat(result.failure()).isEqualTo("1 tokens instead of 2");
        }
    }

    @Test
    void shouldMakePromptsOfTheWantedLengthThatShareNoPrefix() {
        TextPrompts prompts = new TextPrompts();
        String first = prompts.next(1000);
        assertThat(first).hasSize(1000 * SimulatedFleet.TEXT_BYTES);
        assertThat(prompts.next(1000)).isNotEqualTo(first).hasSameSizeAs(first);
    }
}
