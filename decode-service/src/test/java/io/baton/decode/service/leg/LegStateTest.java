package io.baton.decode.service.leg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.decode.service.leg.BlockTable.Stage;
import io.baton.engine.Sampling;
import io.baton.engine.text.StopRules;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.StopParams;
import io.baton.inference.v1.TokenOutput;
import io.baton.worker.prompt.PromptRequest;
import io.baton.worker.prompt.TokenizedPrompt;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class LegStateTest {
    private static final ReserveRequest REQUEST =
            new ReserveRequest("r", 1, "", new int[40], 50, 16, new long[0], false);
    private static final StartRequest START = new StartRequest(
            new int[41], 40, Sampling.greedy(), new StopRules(10, 0, List.of(), Set.of()), -1, 1, 0, 1_000);

    @Test
    void shouldKeepWhatComesWhileReserving() {
        // When
        LegState.Receiving receiving =
                new LegState.AwaitingReserve().reserve(REQUEST).start(START).reserved(3, 1);

        // Then
        assertThat(receiving.start()).isEqualTo(START);
        assertThat(receiving.blocks().stage(0)).isEqualTo(Stage.HELD);
        assertThat(receiving.blocks().stage(1)).isEqualTo(Stage.MISSING);
    }

    @Test
    void shouldDecodeOnlyWithStartAndEveryBlock() {
        // Given
        LegState.Receiving landed = new LegState.AwaitingReserve()
                .reserve(REQUEST)
                .reserved(1, 1)
                .blocks(BlockTable.of(1, 1).importing(0).landed(0));

        // Then
        assertThat(landed.complete()).isFalse();
        assertThatThrownBy(() -> landed.decode(5_000)).isInstanceOf(IllegalStateException.class);
        assertThat(landed.start(START).complete()).isTrue();
        assertThat(landed.start(START).decode(5_000).lastBlockWaitNanos()).isEqualTo(4_000);
    }

    private static LegState.Preparing preparing(int outputCells) {
        return new LegState.AwaitingReserve()
                .compute(
                        new PromptRequest(
                                "r",
                                1,
                                "",
                                Prompt.getDefaultInstance(),
                                Sampling.greedy(),
                                StopParams.getDefaultInstance(),
                                -1,
                                null,
                                new long[0]),
                        outputCells);
    }

    @Test
    void shouldReserveCellsForThePromptThatItComputesAndForItsOutput() {
        // Given a prompt of 40 tokens, and one that continues it after 9 generated tokens
        TokenizedPrompt prompt = new TokenizedPrompt(new int[40], 40, 10, 0);
        TokenizedPrompt continued = new TokenizedPrompt(new int[49], 40, 10, 0);

        // Then
        assertThat(preparing(100).cells(prompt)).isEqualTo(50);
        assertThat(preparing(4).cells(prompt)).isEqualTo(44);
        assertThat(preparing(100).cells(continued)).isEqualTo(50);
        assertThat(preparing(4).cells(continued)).isEqualTo(50);
    }

    @Test
    void shouldDecodeWithoutFurtherWordWhenItHasComputedThePrompt() {
        // When
        LegState.Computing computing =
                preparing(10).prepared(REQUEST, START, 16).started(5_000);
        LegState.Decoding decoding = computing.firstToken(9_000);

        // Then
        assertThat(computing.computedTokens()).isEqualTo(24);
        assertThat(decoding.joinedNanos()).isEqualTo(9_000);
        assertThat(decoding.computedTokens()).isEqualTo(24);
        assertThat(decoding.lastBlockWaitNanos()).isZero();
        assertThat(decoding.stopping()).isFalse();
    }

    @Test
    void shouldFetchABlockOnlyAfterEveryBlockBeforeItWasOffered() {
        // Given
        BlockTable table = BlockTable.of(3, 0).offer(1).offer(2);

        // Then
        assertThat(table.fetchable()).isEmpty();
        assertThat(table.offer(0).fetchable()).containsExactly(0, 1, 2);
        assertThat(table.offer(0).fetching(0).fetchable()).containsExactly(1, 2);
    }

    @Test
    void shouldImportBlocksInPositionOrder() {
        // Given blocks 1 and 2 are here before block 0
        BlockTable table = BlockTable.of(3, 0).offer(0).offer(1).offer(2);
        table = table.fetching(0).fetching(1).fetching(2).held(1).held(2);

        // Then
        assertThat(table.importable()).isEmpty();
        assertThat(table.held(0).importable()).containsExactly(0, 1, 2);
    }

    @Test
    void shouldNotSkipAStage() {
        BlockTable table = BlockTable.of(2, 0).offer(0);
        assertThatThrownBy(() -> table.held(0)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> table.landed(0)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> table.fetching(1)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> table.offer(0)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void shouldLeaveACachedBlockWhereItIsWhenItIsOffered() {
        BlockTable table = BlockTable.of(2, 1).offer(0);
        assertThat(table.stage(0)).isEqualTo(Stage.HELD);
        assertThat(table.offered(0)).isTrue();
        assertThat(table.fetchable()).isEmpty();
        assertThat(table.nothingMissing()).isFalse();
        assertThat(table.offer(1).nothingMissing()).isTrue();
    }

    @Test
    void shouldJoinTokensThatWaitIntoOneMessage() {
        // Given
        TokenOutbox outbox = new TokenOutbox(10);
        outbox.add(TokenOutput.newBuilder()
                .setIndex(3)
                .setText("a")
                .setTokenIds(io.baton.engine.text.TokenIds.encode(7))
                .build());
        outbox.add(TokenOutput.newBuilder()
                .setIndex(4)
                .setText("b")
                .setTokenIds(io.baton.engine.text.TokenIds.encode(8))
                .build());

        // When
        TokenOutput joined = outbox.take();

        // Then
        assertThat(joined)
                .isEqualTo(TokenOutput.newBuilder()
                        .setIndex(3)
                        .setText("ab")
                        .setTokenIds(io.baton.engine.text.TokenIds.encode(7, 8))
                        .build());
        assertThat(outbox.take()).isNull();
    }

    @Test
    void shouldRefuseMoreTokensThanTheOutboxTakes() {
        TokenOutbox outbox = new TokenOutbox(1);
        TokenOutput one = TokenOutput.newBuilder()
                .setTokenIds(io.baton.engine.text.TokenIds.encode(7))
                .build();
        outbox.add(one);
        assertThatThrownBy(() -> outbox.add(one))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.QUEUE_FULL));
    }
}
