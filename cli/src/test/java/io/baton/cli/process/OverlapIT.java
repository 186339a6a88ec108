package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.cli.launch.EngineSpec;
import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.FleetSpec;
import io.baton.inference.v1.Timing;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Blocks travel while later blocks are computed. */
@Tag("process")
class OverlapIT {
    private static final int PROMPT = 2000;
    private static final int BLOCK = 256;
    private static final int MAX_TOKENS = 8;

    /** A real model, and one whose prefill is slow for certain. */
    static Stream<FleetSpec> fleets() {
        return Stream.of(
                SharedFleet.spec(TestModel.any().exact()).blockSize(BLOCK).build(),
                SharedFleet.spec(EngineSpec.simulated()
                                .withModelName("test-model")
                                .withMaxRequestTokens(4096))
                        .blockSize(BLOCK)
                        .setting("baton.engine.simulated.speed", "3")
                        .build());
    }

    @ParameterizedTest
    @MethodSource("fleets")
    void shouldLandTheFirstBlockBeforePrefillHasFinished(FleetSpec spec) {
        // Given: services that have moved blocks before, because the first time they load the classes for it
        Fleet fleet = SharedFleet.of(spec);
        List<Integer> prompt = Prompts.random(PROMPT, PROMPT);
        Client.Answer answer;
        try (Client client = new Client(fleet.grpcAddress())) {
            client.generate(Client.endless(Prompts.random(1, 2 * BLOCK), MAX_TOKENS));

            // When
            answer = client.generate(Client.endless(prompt, MAX_TOKENS));
        }

        // Then
        Timing t = answer.finished().getTiming();
        assertThat(t.getBlocksPulled()).isEqualTo(Math.ceilDiv(PROMPT, BLOCK));
        assertThat(t.getReservedUs()).isPositive();
        assertThat(t.getFirstBlockLandedUs()).isGreaterThan(t.getReservedUs()).isLessThan(t.getPrefillFinishedUs());
        assertThat(t.getFirstBlockLandedUs()).isLessThan(t.getFirstTokenUs());
        assertThat(t.getLastBlockLandedUs()).isGreaterThan(t.getFirstBlockLandedUs());
        assertThat(t.getSecondTokenUs()).isGreaterThan(t.getLastBlockLandedUs()).isGreaterThan(t.getFirstTokenUs());
        assertThat(t.getTotalUs()).isGreaterThanOrEqualTo(t.getSecondTokenUs());
        assertThat(answer.ids()).hasSize(MAX_TOKENS);
    }
}
