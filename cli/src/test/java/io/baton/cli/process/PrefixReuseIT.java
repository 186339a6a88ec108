package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.cli.launch.Fleet;
import io.baton.inference.v1.Timing;
import io.baton.inference.v1.Usage;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Full blocks of a prompt that was there before are neither computed nor pulled again. */
@Tag("process")
class PrefixReuseIT {
    private static final int BLOCK = 256;
    private static final int SHARED = 1000;
    private static final int MAX_TOKENS = 16;

    private Fleet fleet;
    private Client client;

    PrefixReuseIT() {
        fleet = SharedFleet.of(
                SharedFleet.spec(TestModel.any().exact()).blockSize(BLOCK).build());
        client = new Client(fleet.grpcAddress());
    }

    @BeforeEach
    void startIdle() {
        Counters.awaitNothingHeld(fleet);
    }

    @AfterEach
    void close() {
        client.close();
    }

    @Test
    void shouldReuseTheFullBlocksOfASharedPrefixOnBothSides() {
        // Given
        List<Integer> shared = Prompts.random(71, SHARED);
        List<Integer> first = Prompts.concat(shared, Prompts.random(72, 200));
        List<Integer> second = Prompts.concat(shared, Prompts.random(73, 300));
        client.generate(Client.endless(first, MAX_TOKENS));
        Counters before = Counters.of(fleet);

        // When
        Client.Answer answer = client.generate(Client.endless(second, MAX_TOKENS));

        // Then
        int sharedBlocks = SHARED / BLOCK;
        int reused = sharedBlocks * BLOCK;
        Usage usage = answer.finished().getUsage();
        Timing timing = answer.finished().getTiming();
        assertThat(usage.getPrefillCachedTokens()).isEqualTo(reused);
        assertThat(usage.getDecodeCachedTokens()).isEqualTo(reused);
        assertThat(timing.getPrefillComputedTokens()).isEqualTo(second.size() - reused);
        assertThat(timing.getBlocksReused()).isEqualTo(sharedBlocks);
        assertThat(timing.getBlocksPulled()).isEqualTo(Math.ceilDiv(second.size(), BLOCK) - sharedBlocks);
        assertThat(timing.getDecodeComputedTokens()).isZero();
        Counters counted = Counters.of(fleet).minus(before);
        assertThat(counted.prefillComputed()).isEqualTo(second.size() - reused);
        assertThat(counted.pulledBlocks()).isEqualTo(timing.getBlocksPulled());
        assertThat(counted.decodeComputed()).isZero();
    }

    @Test
    void shouldContinueASharedPrefixAsIfItHadBeenComputed() {
        // Given
        List<Integer> shared = Prompts.random(81, SHARED);
        List<Integer> prompt = Prompts.concat(shared, Prompts.random(82, 300));
        Client.Answer computed = client.generate(Client.endless(prompt, MAX_TOKENS));
        assertThat(computed.finished().getUsage().getPrefillCachedTokens()).isZero();

        // When
        Client.Answer reused = client.generate(Client.endless(prompt, MAX_TOKENS));

        // Then
        assertThat(reused.finished().getUsage().getPrefillCachedTokens()).isPositive();
        assertThat(reused.ids()).isEqualTo(computed.ids());
    }

    @Test
    void shouldComputeOnlyTheTailOfAPromptThatComesAgain() {
        // Given
        List<Integer> prompt = Prompts.random(91, 1200);
        Client.Answer first = client.generate(Client.endless(prompt, MAX_TOKENS));

        // When
        Client.Answer again = client.generate(Client.endless(prompt, MAX_TOKENS));

        // Then
        int fullBlocks = prompt.size() / BLOCK;
        Timing timing = again.finished().getTiming();
        assertThat(timing.getPrefillComputedTokens()).isEqualTo(prompt.size() - fullBlocks * BLOCK);
        assertThat(timing.getBlocksReused()).isEqualTo(fullBlocks);
        assertThat(timing.getBlocksPulled()).isEqualTo(1);
        assertThat(again.ids()).isEqualTo(first.ids());
    }

    @Test
    void shouldComputeTheLastBlockAgainWhenAPromptOfFullBlocksComesAgain() {
        // Given: the last token's logits are in no cache, so its block is computed
        List<Integer> prompt = Prompts.random(92, 4 * BLOCK);
        Client.Answer first = client.generate(Client.endless(prompt, MAX_TOKENS));

        // When
        Client.Answer again = client.generate(Client.endless(prompt, MAX_TOKENS));

        // Then
        assertThat(again.finished().getTiming().getPrefillComputedTokens()).isEqualTo(BLOCK);
        assertThat(again.finished().getUsage().getPrefillCachedTokens()).isEqualTo(3 * BLOCK);
        assertThat(again.ids()).isEqualTo(first.ids());
    }
}
