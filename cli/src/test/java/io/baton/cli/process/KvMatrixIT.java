package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.cli.launch.EngineSpec;
import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.Role;
import io.baton.cli.launch.RunState;
import io.baton.inference.v1.Timing;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * Every kind of cache crosses the process boundary. Moved rows are bit-identical, so two requests that reuse the same
 * blocks and compute the same tail give the same text in every arithmetic. A request that computes what another reused
 * batches the work differently, so it must agree only where the arithmetic is exact.
 */
@Tag("process")
class KvMatrixIT {
    private static final int MAX_TOKENS = 24;

    @ParameterizedTest(name = "block {0}, {1}, flash attention {2}")
    @CsvSource({"64, f16, true", "256, q8_0, true", "256, f16, false", "64, f32, false"})
    void shouldDecodeFromHandedOverRowsOfEveryKind(int block, String kvType, boolean flashAttention) {
        // Given
        EngineSpec engine = TestModel.any().exact().withKvType(kvType).withFlashAttention(flashAttention);
        Fleet fleet = SharedFleet.of(SharedFleet.spec(engine).blockSize(block).build());
        RunState.Service decode = fleet.services(Role.DECODE).getFirst();
        long bytesPerToken;
        try (Client worker = new Client(decode.host() + ":" + decode.grpcPort())) {
            bytesPerToken = Client.bytesPerToken(worker.watch().getIdentity().getLayout());
        }

        try (Client client = new Client(fleet.grpcAddress())) {
            for (int tokens : new int[] {1, block - 1, block, block + 1, 1000, 3000}) {
                Counters before = Counters.of(fleet);
                List<Integer> prompt = Prompts.random(tokens, tokens);

                // When
                Client.Answer first = client.generate(Client.endless(prompt, MAX_TOKENS));
                Client.Answer second = client.generate(Client.endless(prompt, MAX_TOKENS));
                Client.Answer third = client.generate(Client.endless(prompt, MAX_TOKENS));

                // Then
                assertThat(first.ids()).hasSize(MAX_TOKENS);
                assertThat(third.ids()).as("%d tokens", tokens).isEqualTo(second.ids());
                if (kvType.equals("f32")) {
                    assertThat(second.ids()).as("%d tokens", tokens).isEqualTo(first.ids());
                }
                for (Client.Answer answer : List.of(first, second, third)) {
                    Timing timing = answer.finished().getTiming();
                    long reused = answer.finished().getUsage().getDecodeCachedTokens();
                    assertThat(timing.getDecodeComputedTokens()).isZero();
                    assertThat(timing.getKvBytes() + reused * bytesPerToken).isEqualTo(tokens * bytesPerToken);
                    assertThat(timing.getBlocksPulled() + timing.getBlocksReused())
                            .isEqualTo(Math.ceilDiv(tokens, block));
                }
                assertThat(Counters.of(fleet).minus(before).decodeComputed()).isZero();
            }
        }
        Counters.awaitNothingHeld(fleet);
    }
}
