package io.baton.prefill.service.leg;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.engine.simulated.SimulatedEngine;
import io.baton.engine.simulated.SimulatedEngineConfig;
import io.baton.engine.text.TokenIds;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.FinishReason;
import io.baton.inference.v1.StopParams;
import io.baton.kv.block.DescriptorMessages;
import io.baton.kv.block.Descriptors;
import io.baton.kv.v1.KvDescriptor;
import io.baton.prefill.v1.PrefillAccepted;
import io.baton.prefill.v1.PrefillFinished;
import io.baton.prefill.v1.PrefillFirstToken;
import io.baton.prefill.v1.PrefillResponse;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PrefillLegTest {
    private static final int BLOCK = TestWorker.BLOCK;

    private TestWorker worker = new TestWorker();

    @BeforeEach
    void noLegYet() {
        worker.awaitRest();
    }

    @AfterEach
    void close() {
        worker.close();
    }

    private void use(SimulatedEngineConfig engine, Map<String, String> settings) {
        worker.close();
        worker = new TestWorker(engine, settings);
    }

    private static List<KvDescriptor> blocks(List<PrefillResponse> heard) {
        return heard.stream()
                .flatMap(r -> r.getBlocksReady().getBlocksList().stream())
                .toList();
    }

    /** How many blocks were in each message that described some. */
    private static List<Integer> together(List<PrefillResponse> heard) {
        return heard.stream()
                .filter(PrefillResponse::hasBlocksReady)
                .map(r -> r.getBlocksReady().getBlocksCount())
                .toList();
    }

    private static PrefillFirstToken firstToken(List<PrefillResponse> heard) {
        return heard.stream()
                .filter(PrefillResponse::hasFirstToken)
                .findFirst()
                .orElseThrow()
                .getFirstToken();
    }

    private void pullAndAcknowledge(KvDescriptor carried) {
        KvDescriptor d = DescriptorMessages.whole(
                carried, Descriptors.toProto(worker.runtime.engine().kvLayout()));
        try (Arena arena = Arena.ofShared()) {
            worker.puller.pull(d, arena.allocate(d.getSizeBytes())).join();
            worker.puller.acknowledge(d).join();
        }
    }

    private static KvDescriptor only(PrefillResponse r) {
        assertThat(r.getBlocksReady().getBlocksList()).hasSize(1);
        return r.getBlocksReady().getBlocks(0);
    }

    /** Runs a whole leg of a prompt, pulls everything, and returns what was heard. */
    private List<PrefillResponse> whole(io.baton.inference.v1.Prompt prompt) {
        TestRouter router = worker.router();
        router.send(router.start(prompt));
        router.accepted();
        router.go(TestWorker.RECEIVER);
        List<PrefillResponse> heard = router.untilFinished();
        blocks(heard).forEach(this::pullAndAcknowledge);
        router.halfClose();
        assertThat(router.end()).isNull();
        worker.awaitRest();
        return heard;
    }

    @Test
    void shouldTellTokensAndLimitsWhenAccepting() {
        // Given
        TestRouter router = worker.router();
        String text = "The fox found a lantern.";

        // When
        router.send(router.start(TestRouter.text(text)));
        PrefillAccepted accepted = router.accepted();

        // Then
        int[] expected = worker.runtime.engine().tokenizer().encode(text, true, false);
        assertThat(accepted.getTokenIds()).isEqualTo(TokenIds.encode(expected));
        assertThat(accepted.getPromptTokens()).isEqualTo(expected.length);
        assertThat(accepted.getBlockSize()).isEqualTo(BLOCK);
        assertThat(accepted.getMaxTokens()).isEqualTo(100);
        assertThat(accepted.getLayout())
                .isEqualTo(worker.runtime.identity().toProto().getLayout());
        router.hangUp();
        worker.awaitRest();
    }

    @Test
    void shouldLimitMaxTokensByTheContextInsteadOfRefusing() {
        // Given
        use(SimulatedEngineConfig.withoutDelays().withLimits(256, 4, 64), Map.of());
        TestRouter router = worker.router();

        // When
        router.send(router.start(TestRouter.ids(50, 1)));

        // Then
        assertThat(router.accepted().getMaxTokens()).isEqualTo(14);
        router.hangUp();
        worker.awaitRest();
    }

    @Test
    void shouldReserveCellsForTheWholePromptAndComputeNothingBeforeGo() {
        // Given
        TestRouter router = worker.router();

        // When
        router.send(router.start(TestRouter.ids(100, 1)));
        router.accepted();

        // Then
        assertThat(worker.runtime.engine().stats().reservedCells()).isEqualTo(100);
        assertThat(worker.runtime.engine().stats().promptTokensComputed()).isZero();
        assertThat(worker.runtime.queuedTokens()).hasValue(100);
        assertThat(router.silent()).isTrue();
        router.hangUp();
        worker.awaitRest();
    }

    @Test
    void shouldDescribeEveryBlockOnceWithItsRange() {
        // Given a prompt of three full blocks and a tail
        int n = 3 * BLOCK + 5;

        // When
        List<KvDescriptor> blocks = blocks(whole(TestRouter.ids(n, 1)));

        // Then
        assertThat(blocks).hasSize(4);
        assertThat(blocks.stream().map(KvDescriptor::getBlockIndex)).containsExactly(0, 1, 2, 3);
        assertThat(blocks.getLast().getTokenEnd()).isEqualTo(n);
        assertThat(blocks.getLast().getBlockName().isEmpty())
                .as("a tail has no name")
                .isTrue();
        assertThat(blocks.subList(0, 3)).allSatisfy(d -> {
            assertThat(d.getBlockName().size()).isEqualTo(32);
            assertThat(d.getReceiver()).isEqualTo(TestWorker.RECEIVER);
            assertThat(d.getHolderEpoch()).isEqualTo(worker.runtime.identity().epoch());
        });
    }

    @Test
    void shouldHandOutTheFirstBlockBeforeTheLastIsComputed() {
        // Given an engine that takes 10 ms per token
        use(SimulatedEngineConfig.defaults().withCosts(0, 1000, 0, 0), Map.of("baton.engine.batch-tokens", "16"));
        TestRouter router = worker.router();
        router.send(router.start(TestRouter.ids(20 * BLOCK, 1)));
        router.accepted();

        // When
        router.go(TestWorker.RECEIVER);
        PrefillResponse first = router.next();

        // Then
        assertThat(first.getBlocksReady().getBlocksCount()).isEqualTo(1);
        List<PrefillResponse> rest = router.untilFinished();
        assertThat(rest.stream().filter(PrefillResponse::hasFirstToken)).hasSize(1);
        int firstTokenAt = rest.indexOf(
                rest.stream().filter(PrefillResponse::hasFirstToken).findFirst().orElseThrow());
        assertThat(blocks(rest.subList(0, firstTokenAt)))
                .as("most blocks were handed out before the first token")
                .hasSizeGreaterThan(10);
        router.hangUp();
        worker.awaitRest();
    }

    @Test
    void shouldDescribeTheBlocksOfAChunkTogetherAtItsEnd() {
        // Given chunks of three blocks
        worker.close();
        worker = new TestWorker(new ChunkingEngine(new SimulatedEngine(SimulatedEngineConfig.withoutDelays()), 3));

        // When
        List<PrefillResponse> heard = whole(TestRouter.ids(7 * BLOCK + 5, 1));

        // Then
        assertThat(together(heard)).containsExactly(3, 3, 2);
        assertThat(blocks(heard).stream().map(KvDescriptor::getBlockIndex)).containsExactly(0, 1, 2, 3, 4, 5, 6, 7);
    }

    @Test
    void shouldSplitWhatIsTooMuchForOneMessage() {
        // Given a prompt of which more blocks are cached than fit one message
        int n = (DescriptorMessages.MAX_BLOCKS + 2) * BLOCK + 1;
        use(SimulatedEngineConfig.withoutDelays().withLimits(1 << 16, 4, 1 << 14), Map.of());
        whole(TestRouter.ids(n, 1));

        // When
        List<PrefillResponse> again = whole(TestRouter.ids(n, 1));

        // Then
        assertThat(together(again)).containsExactly(DescriptorMessages.MAX_BLOCKS, 2, 1);
        assertThat(blocks(again).stream().map(KvDescriptor::getBlockIndex))
                .isSorted()
                .doesNotHaveDuplicates();
    }

    @Test
    void shouldLeaveTheLayoutOutThatAcceptedHasToldOf() {
        // When
        List<KvDescriptor> blocks = blocks(whole(TestRouter.ids(2 * BLOCK, 1)));

        // Then whole() has pulled them with the layout of Accepted, which the holder compares
        assertThat(blocks).hasSize(2).noneMatch(KvDescriptor::hasLayout);
    }

    @Test
    void shouldTakeLeadingBlocksFromThePrefixCacheTheSecondTime() {
        // Given
        int n = 3 * BLOCK + 5;
        List<PrefillResponse> once = whole(TestRouter.ids(n, 1));

        // When
        List<PrefillResponse> again = whole(TestRouter.ids(n, 1));

        // Then
        PrefillFinished finished = again.getLast().getFinished();
        assertThat(finished.getCachedTokens()).isEqualTo(3 * BLOCK);
        assertThat(finished.getComputedTokens()).isEqualTo(5);
        assertThat(together(again))
                .as("all cached blocks at once, then the tail")
                .containsExactly(3, 1);
        assertThat(again.getFirst().hasBlocksReady()).isTrue();
        assertThat(firstToken(again).getOutput()).isEqualTo(firstToken(once).getOutput());
        assertThat(blocks(again).get(1).getCrc32C())
                .isEqualTo(blocks(once).get(1).getCrc32C());
    }

    @Test
    void shouldComputeTheLastBlockAgainWhenThePromptEndsWithIt() {
        // Given a prompt of exactly four blocks
        whole(TestRouter.ids(4 * BLOCK, 1));

        // When
        List<PrefillResponse> again = whole(TestRouter.ids(4 * BLOCK, 1));

        // Then its last token is computed for its logits, so the last block cannot be taken
        assertThat(again.getLast().getFinished().getCachedTokens()).isEqualTo(3 * BLOCK);
        assertThat(again.getLast().getFinished().getComputedTokens()).isEqualTo(BLOCK);
    }

    @Test
    void shouldNotShareBlocksBetweenTenants() {
        // Given
        whole(TestRouter.ids(4 * BLOCK, 1));
        TestRouter router = worker.router();

        // When
        router.send(router.start(TestRouter.ids(4 * BLOCK, 1)).setTenant("another"));

        // Then
        assertThat(router.accepted().getCachedBlocks()).isZero();
        router.hangUp();
        worker.awaitRest();
    }

    @Test
    void shouldHandOutNothingWithoutReceiverButKeepFullBlocks() {
        // Given
        TestRouter router = worker.router();
        router.send(router.start(TestRouter.ids(3 * BLOCK + 5, 1))
                .setStop(StopParams.newBuilder().setMaxTokens(1).setIgnoreEos(true)));
        router.accepted();

        // When
        router.go("");
        List<PrefillResponse> heard = router.untilFinished();
        router.halfClose();

        // Then
        assertThat(router.end()).isNull();
        assertThat(blocks(heard)).isEmpty();
        assertThat(firstToken(heard).getCompletion().getReason()).isEqualTo(FinishReason.FINISH_REASON_LENGTH);
        worker.awaitRest();
        assertThat(worker.runtime.store().stats().blocks()).isEqualTo(3);
    }

    @Test
    void shouldCompleteTheCallOnlyWhenNoBlockIsPinned() {
        // Given
        TestRouter router = worker.router();
        router.send(router.start(TestRouter.ids(2 * BLOCK, 1)));
        router.accepted();
        router.go(TestWorker.RECEIVER);
        List<KvDescriptor> blocks = blocks(router.untilFinished());
        router.halfClose();
        pullAndAcknowledge(blocks.get(0));
        assertThat(worker.runtime.lifecycle().open()).isEqualTo(1);

        // When
        pullAndAcknowledge(blocks.get(1));

        // Then
        assertThat(router.end()).isNull();
        worker.awaitRest();
    }

    @Test
    void shouldFreeItsCellsWhileDecodeStillPulls() {
        // Given
        TestRouter router = worker.router();
        router.send(router.start(TestRouter.ids(2 * BLOCK, 1)));
        router.accepted();

        // When
        router.go(TestWorker.RECEIVER);
        List<PrefillResponse> heard = router.untilFinished();

        // Then
        TestWorker.await("cells are free", () -> worker.runtime.engine().stats().reservedCells() == 0);
        assertThat(worker.runtime.store().stats().pinnedBlocks()).isEqualTo(2);
        blocks(heard).forEach(this::pullAndAcknowledge);
        router.halfClose();
        assertThat(router.end()).isNull();
    }

    @Test
    void shouldPauseWhileUnpulledBytesExceedTheBudget() {
        // Given a budget of one block
        int bytes = (int) worker.runtime.engine().kvLayout().bytes(BLOCK);
        use(SimulatedEngineConfig.withoutDelays(), Map.of("baton.kv.unpulled-budget", Integer.toString(bytes)));
        TestRouter router = worker.router();
        router.send(router.start(TestRouter.ids(8 * BLOCK, 1)));
        router.accepted();

        // When
        router.go(TestWorker.RECEIVER);

        // Then at any time at most the budget and one block more wait to be pulled
        int acknowledged = 0;
        for (int heard = 0; heard < 8; ) {
            PrefillResponse r = router.next();
            if (r.hasBlocksReady()) {
                heard++;
                assertThat(worker.runtime.engine().stats().promptTokensComputed())
                        .isLessThanOrEqualTo((acknowledged + 2L) * BLOCK);
                assertThat(worker.leases.stats().pinnedBytes()).isLessThanOrEqualTo(2L * bytes);
                if (heard > 1) {
                    pullAndAcknowledge(only(r));
                    acknowledged++;
                }
            }
        }
        router.hangUp();
        worker.awaitRest();
    }

    @Test
    void shouldWaitForRoomInAFullStore() {
        // Given a store of four blocks, and a prompt of eight
        int bytes = (int) worker.runtime.engine().kvLayout().bytes(BLOCK);
        use(SimulatedEngineConfig.withoutDelays(), Map.of("baton.kv.store-size", Integer.toString(4 * bytes)));
        TestRouter router = worker.router();
        router.send(router.start(TestRouter.ids(8 * BLOCK, 1)));
        router.accepted();

        // When
        router.go(TestWorker.RECEIVER);
        for (int i = 0; i < 8; ) {
            PrefillResponse r = router.next();
            if (r.hasBlocksReady()) {
                pullAndAcknowledge(only(r));
                i++;
            }
        }
        router.halfClose();

        // Then
        assertThat(router.end()).isNull();
        worker.awaitRest();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 10 * BLOCK})
    void shouldHandOverPromptsOfAnyLength(int n) {
        // When
        List<PrefillResponse> heard = whole(TestRouter.ids(n, 3));

        // Then
        long bytes =
                blocks(heard).stream().mapToLong(KvDescriptor::getSizeBytes).sum();
        assertThat(bytes).isEqualTo(worker.runtime.engine().kvLayout().bytes(n));
        assertThat(heard.getLast().getFinished().getComputedTokens()).isEqualTo(n);
    }

    @Test
    void shouldReleaseALegThatHearsNoGo() {
        // Given
        use(SimulatedEngineConfig.withoutDelays(), Map.of("baton.worker.go-timeout", "20ms"));
        TestRouter router = worker.router();

        // When
        router.send(router.start(TestRouter.ids(20, 1)));

        // Then
        assertThat(router.failure().code()).isEqualTo(ErrorCode.DEADLINE_EXCEEDED);
        worker.awaitRest();
    }
}
