package io.baton.decode.service.leg;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import com.google.protobuf.ByteString;
import io.baton.decode.v1.DecodeReserve;
import io.baton.decode.v1.DecodeResponse;
import io.baton.decode.v1.DecodeStart;
import io.baton.engine.simulated.SimulatedEngineConfig;
import io.baton.engine.text.TokenIds;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvDescriptor;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class DecodeRefusalTest {
    private static final int BLOCK = TestWorker.BLOCK;

    private final TestHolder holder = new TestHolder();
    private final TestWorker worker =
            new TestWorker(SimulatedEngineConfig.withoutDelays().withLimits(512, 4, 256), Map.of());

    @AfterEach
    void close() {
        worker.close();
        holder.close();
    }

    private static Arguments spoilt(ErrorCode code, String named, Consumer<DecodeReserve.Builder> spoil) {
        return arguments(named, code, spoil);
    }

    static Stream<Arguments> spoiltReserves() {
        return Stream.of(
                spoilt(ErrorCode.INVALID_REQUEST, "request_id", r -> r.setRequestId("")),
                spoilt(ErrorCode.INVALID_REQUEST, "token_ids is empty", r -> r.setTokenIds(ByteString.EMPTY)),
                spoilt(ErrorCode.INVALID_REQUEST, "token_ids[0]", r -> r.setTokenIds(TokenIds.encode(-1))),
                spoilt(ErrorCode.MODEL_NOT_FOUND, "gpt", r -> r.setModel("gpt")),
                spoilt(ErrorCode.LAYOUT_MISMATCH, "block-size", r -> r.setBlockSize(17)),
                spoilt(
                        ErrorCode.LAYOUT_MISMATCH,
                        "vTrans=true",
                        r -> r.getLayoutBuilder().setVTrans(!r.getLayout().getVTrans())),
                spoilt(ErrorCode.DESCRIPTOR_REFUSED, "layout", r -> r.clearLayout()),
                spoilt(ErrorCode.PROTOCOL_VIOLATION, "attempt", r -> r.setAttempt(0)),
                spoilt(ErrorCode.PROTOCOL_VIOLATION, "cells", r -> r.setCells(20)),
                spoilt(ErrorCode.CONTEXT_LENGTH_EXCEEDED, "256", r -> r.setCells(257)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("spoiltReserves")
    void shouldRefuseAReservationAndNameWhatIsWrong(
            String named, ErrorCode code, Consumer<DecodeReserve.Builder> spoil) {
        // Given
        TestRouter router = worker.router();
        DecodeReserve.Builder reserve = router.reserve(
                TestHolder.ids(20, 1), 10, worker.runtime.engine().kvLayout());
        spoil.accept(reserve);

        // When
        router.send(reserve);

        // Then
        BatonException failure = router.failure();
        assertThat(failure.code()).isEqualTo(code);
        assertThat(failure).hasMessageContaining(named);
        worker.awaitRest();
    }

    private static Arguments forged(ErrorCode code, String what, UnaryOperator<KvDescriptor.Builder> forge) {
        return arguments(what, code, forge);
    }

    static Stream<Arguments> forgedDescriptors() {
        return Stream.of(
                forged(ErrorCode.RECEIVER_MISMATCH, "another receiver", d -> d.setReceiver("decode-2")),
                forged(ErrorCode.DESCRIPTOR_REFUSED, "another request", d -> d.setRequestId("another")),
                forged(ErrorCode.TENANT_MISMATCH, "another tenant", d -> d.setTenant("another")),
                forged(
                        ErrorCode.DESCRIPTOR_REFUSED,
                        "another name",
                        d -> d.setBlockName(ByteString.copyFrom(new byte[32]))),
                forged(ErrorCode.DESCRIPTOR_REFUSED, "another place", d -> d.setBlockIndex(1)),
                forged(ErrorCode.DESCRIPTOR_REFUSED, "a place outside", d -> d.setBlockIndex(99)),
                forged(ErrorCode.DESCRIPTOR_REFUSED, "a negative place", d -> d.setBlockIndex(-1)),
                forged(ErrorCode.DESCRIPTOR_REFUSED, "another range", d -> d.setTokenEnd(BLOCK - 1)),
                forged(
                        ErrorCode.DESCRIPTOR_REFUSED,
                        "another kind",
                        d -> d.setKind(DescriptorKind.DESCRIPTOR_KIND_NIXL)),
                forged(ErrorCode.EPOCH_MISMATCH, "a dead epoch", d -> d.setHolderEpoch(1)),
                forged(
                        ErrorCode.LAYOUT_MISMATCH,
                        "another layout",
                        d -> d.setLayout(d.getLayout().toBuilder().setKType(77))),
                forged(ErrorCode.BLOCK_NOT_FOUND, "another lease", d -> d.setLeaseId(1)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("forgedDescriptors")
    void shouldRefuseADescriptorAndImportNothing(
            String what, ErrorCode code, UnaryOperator<KvDescriptor.Builder> forge) {
        // Given
        int[] tokens = TestHolder.ids(3 * BLOCK, 1);
        TestRouter router = worker.router();
        TestHolder.Prompt prompt = holder.compute(router.requestId, tokens);
        router.send(router.reserve(tokens, 10, holder.engine.kvLayout()));
        router.reserved();

        // When
        router.offer(forge.apply(prompt.blocks().getFirst().toBuilder()).build());

        // Then
        assertThat(router.failure().code()).isEqualTo(code);
        worker.awaitRest();
        assertThat(worker.runtime.engine().stats().importedBytes()).isZero();
    }

    @Test
    void shouldRefuseABlockWithOneFlippedBitAndImportNothing() {
        // Given
        int[] tokens = TestHolder.ids(BLOCK, 1);
        TestRouter router = worker.router();
        TestHolder.Prompt prompt = holder.compute(
                router.requestId,
                tokens,
                rows -> rows.set(ValueLayout.JAVA_BYTE, 100, (byte) (rows.get(ValueLayout.JAVA_BYTE, 100) ^ 1)));
        router.send(router.reserve(tokens, 10, holder.engine.kvLayout()));
        router.reserved();

        // When
        router.offer(prompt.blocks().getFirst());

        // Then
        assertThat(router.failure().code()).isEqualTo(ErrorCode.BLOCK_CORRUPT);
        worker.awaitRest();
        assertThat(worker.runtime.engine().stats().importedBytes()).isZero();
        assertThat(worker.runtime.store().stats().blocks())
                .as("nothing of it stays in the prefix cache")
                .isZero();
    }

    @Test
    void shouldFailWhenTheHolderIsGone() {
        // Given
        int[] tokens = TestHolder.ids(BLOCK, 1);
        TestRouter router = worker.router();
        TestHolder.Prompt prompt = holder.compute(router.requestId, tokens);
        router.send(router.reserve(tokens, 10, holder.engine.kvLayout()));
        router.reserved();

        // When
        holder.server.shutdownNow();
        router.offer(prompt.blocks().getFirst());

        // Then
        assertThat(router.failure().code()).isEqualTo(ErrorCode.PULL_FAILED);
        worker.awaitRest();
    }

    @Test
    void shouldRefuseWhenTheCellsAreReserved() {
        // Given 512 cells, 500 of them reserved
        TestRouter one = worker.router();
        one.send(one.reserve(TestHolder.ids(20, 1), 230, holder.engine.kvLayout()));
        one.reserved();
        TestRouter two = worker.router();
        two.send(two.reserve(TestHolder.ids(20, 1), 230, holder.engine.kvLayout()));
        two.reserved();

        // When
        TestRouter three = worker.router();
        three.send(three.reserve(TestHolder.ids(20, 1), 20, holder.engine.kvLayout()));

        // Then
        assertThat(three.failure().code()).isEqualTo(ErrorCode.KV_FULL);
        one.hangUp();
        two.hangUp();
        worker.awaitRest();
    }

    @Test
    void shouldRefuseNewLegsWhileDraining() {
        // Given
        worker.runtime.lifecycle().drain();
        TestRouter router = worker.router();

        // When
        router.send(router.reserve(TestHolder.ids(20, 1), 20, holder.engine.kvLayout()));

        // Then
        assertThat(router.failure().code()).isEqualTo(ErrorCode.DRAINING);
    }

    private static Arguments start(ErrorCode code, String named, Consumer<DecodeStart.Builder> spoil) {
        return arguments(named, code, spoil);
    }

    static Stream<Arguments> spoiltStarts() {
        return Stream.of(
                start(ErrorCode.PROTOCOL_VIOLATION, "generated_token_ids is empty", s -> s.clearGeneratedTokenIds()),
                start(ErrorCode.PROTOCOL_VIOLATION, "prompt_tokens", s -> s.setPromptTokens(19)),
                start(
                        ErrorCode.PROTOCOL_VIOLATION,
                        "does not continue",
                        s -> s.setPromptTokens(19).setGeneratedTokenIds(TokenIds.encode(1, 2))),
                start(
                        ErrorCode.PROTOCOL_VIOLATION,
                        "seed",
                        s -> s.getSamplingBuilder().clearSeed()),
                start(ErrorCode.PROTOCOL_VIOLATION, "contradicts", s -> s.setTextBytesSent(1000)),
                start(
                        ErrorCode.INVALID_REQUEST,
                        "temperature",
                        s -> s.getSamplingBuilder().setTemperature(Float.POSITIVE_INFINITY)),
                start(
                        ErrorCode.INVALID_REQUEST,
                        "max_tokens",
                        s -> s.getStopBuilder().setMaxTokens(0)));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("spoiltStarts")
    void shouldRefuseAStartThatDoesNotFitTheReservation(
            String named, ErrorCode code, Consumer<DecodeStart.Builder> spoil) {
        // Given
        int[] tokens = TestHolder.ids(20, 1);
        TestRouter router = worker.router();
        TestHolder.Prompt prompt = holder.compute(router.requestId, tokens);
        router.send(router.reserve(tokens, 20, holder.engine.kvLayout()));
        router.reserved();
        prompt.blocks().forEach(router::offer);
        DecodeStart.Builder start = TestRouter.start(20, prompt.firstToken(), 10);
        spoil.accept(start);

        // When
        router.send(start);

        // Then
        BatonException failure = router.failure();
        assertThat(failure.code()).isEqualTo(code);
        assertThat(failure).hasMessageContaining(named);
        worker.awaitRest();
    }

    static Stream<Arguments> brokenProtocols() {
        return Stream.of(
                arguments("Start before Reserve", (Consumer<TestRouter>) r -> r.send(TestRouter.start(20, 1, 10))),
                arguments("an offer before Reserve", (Consumer<TestRouter>)
                        r -> r.offer(KvDescriptor.getDefaultInstance())),
                arguments("an offer of no block before Reserve", (Consumer<TestRouter>) r -> r.offer(List.of())),
                arguments("a message without content", (Consumer<TestRouter>) TestRouter::emptyMessage),
                arguments("half-close before Reserve", (Consumer<TestRouter>) TestRouter::halfClose));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("brokenProtocols")
    void shouldRefuseABrokenProtocol(String name, Consumer<TestRouter> breach) {
        // Given
        TestRouter router = worker.router();

        // When
        breach.accept(router);

        // Then
        assertThat(router.failure().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
        worker.awaitRest();
    }

    /** When an offer comes: before the cells are reserved, after it, and while the stream runs. */
    enum Moment {
        RESERVING,
        RECEIVING,
        DECODING
    }

    @ParameterizedTest
    @EnumSource(Moment.class)
    void shouldRefuseAnOfferOfNoBlock(Moment moment) {
        try (TestWorker slow = new TestWorker(SimulatedEngineConfig.defaults().withCosts(0, 0, 5000, 0), Map.of())) {
            shouldRefuseAnOfferOfNoBlock(moment, slow);
        }
    }

    private void shouldRefuseAnOfferOfNoBlock(Moment moment, TestWorker slow) {
        // Given an engine that takes 5 ms per step
        int[] tokens = TestHolder.ids(3 * BLOCK, 1);
        TestRouter router = slow.router();
        TestHolder.Prompt prompt = holder.compute(router.requestId, tokens);
        router.send(router.reserve(tokens, 2000, holder.engine.kvLayout()));
        if (moment != Moment.RESERVING) {
            router.reserved();
        }
        if (moment == Moment.DECODING) {
            router.offer(prompt.blocks()).send(TestRouter.start(tokens.length, prompt.firstToken(), 2000));
            router.until(DecodeResponse::hasToken);
        }

        // When
        router.offer(List.of());

        // Then
        assertThat(router.failure())
                .hasMessageContaining("no block")
                .satisfies(e -> assertThat(e.code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION));
        slow.awaitRest();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldRefuseMoreOffersThanThePromptHasBlocks(boolean reserved) {
        // Given
        int[] tokens = TestHolder.ids(3 * BLOCK, 1);
        TestRouter router = worker.router();
        TestHolder.Prompt prompt = holder.compute(router.requestId, tokens);
        List<KvDescriptor> more = new ArrayList<>(prompt.blocks());
        more.add(prompt.blocks().getFirst());
        router.send(router.reserve(tokens, 10, holder.engine.kvLayout()));
        if (reserved) {
            router.reserved();
        }

        // When
        router.offer(more);

        // Then
        assertThat(router.failure().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
        worker.awaitRest();
    }

    @Test
    void shouldImportNothingOfAnOfferOfWhichOneBlockIsWrong() {
        // Given
        int[] tokens = TestHolder.ids(3 * BLOCK, 1);
        TestRouter router = worker.router();
        TestHolder.Prompt prompt = holder.compute(router.requestId, tokens);
        KvDescriptor foreign =
                prompt.blocks().getLast().toBuilder().setReceiver("decode-2").build();
        router.send(router.reserve(tokens, 10, holder.engine.kvLayout()));
        router.reserved();

        // When
        router.offer(List.of(prompt.blocks().get(0), prompt.blocks().get(1), foreign));

        // Then
        assertThat(router.failure().code()).isEqualTo(ErrorCode.RECEIVER_MISMATCH);
        worker.awaitRest();
        assertThat(worker.runtime.engine().stats().importedBytes()).isZero();
        assertThat(worker.puller.heldLeases()).isZero();
    }

    @Test
    void shouldRefuseASecondReserveAndASecondOfferOfABlock() {
        // Given
        int[] tokens = TestHolder.ids(3 * BLOCK, 1);
        TestRouter twice = worker.router();
        twice.send(twice.reserve(tokens, 10, holder.engine.kvLayout()));
        twice.reserved();
        TestRouter again = worker.router();
        TestHolder.Prompt prompt = holder.compute(again.requestId, tokens);
        again.send(again.reserve(tokens, 10, holder.engine.kvLayout()));
        again.reserved();

        // When
        twice.send(twice.reserve(tokens, 10, holder.engine.kvLayout()));
        again.offer(prompt.blocks().getLast()).offer(prompt.blocks().getLast());

        // Then
        assertThat(twice.failure().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
        assertThat(again.failure().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
        worker.awaitRest();
    }
}
