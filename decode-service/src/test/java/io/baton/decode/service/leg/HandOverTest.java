package io.baton.decode.service.leg;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.decode.v1.DecodeFinished;
import io.baton.decode.v1.DecodeResponse;
import io.baton.decode.v1.DecodeStart;
import io.baton.engine.simulated.SimulatedEngineConfig;
import io.baton.engine.text.TokenIds;
import io.baton.error.ErrorCode;
import io.baton.kv.v1.KvDescriptor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A stream moves from one decode worker to another while it runs. Generation takes a millisecond per step. */
class HandOverTest {
    private static final int BLOCK = TestWorker.BLOCK;
    private static final String TAKER = "decode-2";
    private static final int ENDLESS = 5_000;
    private static final SimulatedEngineConfig ENGINE = SimulatedEngineConfig.withoutDelays()
            .withLimits(1 << 16, 16, 1 << 13)
            .withCosts(0, 0, 1_000, 0)
            .withSpeed(1);

    private final TestHolder holder = new TestHolder();
    private final TestWorker taker = new TestWorker(ENGINE, Map.of("baton.worker.id", TAKER));
    private TestWorker giver = new TestWorker(ENGINE, Map.of());

    @AfterEach
    void close() {
        giver.close();
        taker.close();
        holder.close();
    }

    private void giver(Map<String, String> settings) {
        giver.close();
        giver = new TestWorker(ENGINE, settings);
    }

    /** A stream at the giver, with what it has generated. */
    private final class Stream {
        final int[] prompt;
        final int count;
        final TestRouter router = giver.router();
        final List<Integer> generated = new ArrayList<>();

        /** Runs, with {@code tokens} tokens at least. */
        Stream(int[] prompt, int count, int tokens) {
            this.prompt = prompt;
            this.count = count;
            TestHolder.Prompt computed = holder.compute(router.requestId, prompt);
            generated.add(computed.firstToken());
            router.send(router.reserve(prompt, count, holder.engine.kvLayout()));
            router.reserved();
            computed.blocks().forEach(router::offer);
            router.send(TestRouter.start(prompt.length, computed.firstToken(), count));
            add(router.until(r -> r.hasToken() && r.getToken().getOutput().getIndex() >= tokens - 1));
        }

        void add(List<DecodeResponse> heard) {
            for (DecodeResponse r : heard) {
                for (int id : ids(r)) {
                    generated.add(id);
                }
            }
        }

        /** Prompt and generated tokens, all but the last. */
        int[] computed() {
            int[] all = Arrays.copyOf(prompt, prompt.length + generated.size() - 1);
            for (int i = 0; i < generated.size() - 1; i++) {
                all[prompt.length + i] = generated.get(i);
            }
            return all;
        }

        TestRouter reserveElsewhere() {
            TestRouter other = taker.again(router);
            other.send(other.reserve(computed(), 0, holder.engine.kvLayout())
                    .setAttempt(2)
                    .setCells(prompt.length + count)
                    .setOpenEnded(true));
            assertThat(other.reserved().getWorkerId()).isEqualTo(TAKER);
            return other;
        }

        void stop() {
            router.handOver(TAKER, 2);
            add(router.until(DecodeResponse::hasStopped));
        }

        DecodeStart.Builder start() {
            int[] ids = generated.stream().mapToInt(Integer::intValue).toArray();
            return TestRouter.start(prompt.length, ids[0], count)
                    .setGeneratedTokenIds(TokenIds.encode(ids))
                    .setTokensSent(ids.length);
        }

        int blocks() {
            return Math.ceilDiv(computed().length, BLOCK);
        }
    }

    private static int[] ids(DecodeResponse r) {
        return TokenIds.decode(r.getToken().getOutput().getTokenIds(), Integer.MAX_VALUE, "tokens");
    }

    /** Passes messages on as they are until so many blocks were offered; says how many were in each. */
    private static List<Integer> passOn(TestRouter from, TestRouter to, int blocks) {
        List<Integer> counts = new ArrayList<>();
        for (int left = blocks; left > 0; left -= counts.getLast()) {
            List<KvDescriptor> ready = from.next().getBlocksReady().getBlocksList();
            assertThat(ready).isNotEmpty().hasSizeLessThanOrEqualTo(left).noneMatch(KvDescriptor::hasLayout);
            to.offer(ready);
            counts.add(ready.size());
        }
        return counts;
    }

    @Test
    void shouldDescribeTheBlocksThatAreInTheStoreTogether() {
        // Given a stream whose prompt fills six blocks, which are in the store, and whose tokens fill a few more
        Stream stream = new Stream(TestHolder.ids(6 * BLOCK, 1), ENDLESS, 2 * BLOCK + 3);
        TestRouter other = stream.reserveElsewhere();

        // When
        stream.stop();
        other.extend(stream.computed()).send(stream.start());
        List<Integer> counts = passOn(stream.router, other, stream.blocks());

        // Then
        assertThat(counts).first().isEqualTo(6);
        other.until(DecodeResponse::hasToken);
        stream.router.halfClose();
        assertThat(stream.router.end()).isNull();
        other.cancelMessage();
        giver.awaitRest();
        taker.awaitRest();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, BLOCK - 1, BLOCK, 6 * BLOCK + 5})
    void shouldGoOnElsewhereWithoutComputingAnything(int n) {
        // Given a stream whose generated tokens fill blocks
        int count = 8 * BLOCK;
        Stream stream = new Stream(TestHolder.ids(n, 1), count, 2 * BLOCK + 3);

        // When
        giver.legs.drain();
        stream.add(stream.router.until(DecodeResponse::hasDraining));
        TestRouter other = stream.reserveElsewhere();
        stream.stop();
        int blocks = stream.blocks();
        other.extend(stream.computed()).send(stream.start());
        passOn(stream.router, other, blocks);
        List<DecodeResponse> heard = other.untilFinished();
        stream.router.halfClose();

        // Then
        stream.add(heard);
        assertThat(stream.generated).isEqualTo(holder.alone(stream.prompt, count));
        assertThat(stream.router.end()).isNull();
        DecodeFinished f = heard.getLast().getFinished();
        assertThat(f.getCompletion().getCompletionTokens()).isEqualTo(count);
        assertThat(f.getComputedTokens()).isZero();
        assertThat(f.getBlocksPulled()).isEqualTo(blocks);
        assertThat(taker.runtime.engine().stats().decodePromptTokensComputed()).isZero();
        giver.awaitRest();
        taker.awaitRest();
    }

    @Test
    void shouldHandOverAStreamWhosePromptItComputedItself() {
        // Given
        int[] prompt = TestHolder.ids(3 * BLOCK + 5, 1);
        int count = 8 * BLOCK;
        TestRouter router = giver.router();
        router.send(router.compute(prompt, count));
        List<DecodeResponse> heard =
                router.until(r -> r.hasToken() && r.getToken().getOutput().getIndex() >= 2 * BLOCK);

        // When
        giver.legs.drain();
        heard.addAll(router.until(DecodeResponse::hasDraining));
        router.handOver(TAKER, 2);
        heard.addAll(router.until(DecodeResponse::hasStopped));
        int[] generated =
                heard.stream().flatMapToInt(r -> Arrays.stream(ids(r))).toArray();
        int[] computed = Arrays.copyOf(prompt, prompt.length + generated.length - 1);
        System.arraycopy(generated, 0, computed, prompt.length, generated.length - 1);
        TestRouter other = taker.again(router);
        other.send(other.reserve(computed, 0, holder.engine.kvLayout())
                .setAttempt(2)
                .setCells(prompt.length + count));
        other.reserved();
        passOn(router, other, Math.ceilDiv(computed.length, BLOCK));
        other.send(TestRouter.start(prompt.length, generated[0], count)
                .setGeneratedTokenIds(TokenIds.encode(generated))
                .setTokensSent(generated.length));
        heard.addAll(other.untilFinished());
        router.halfClose();

        // Then
        assertThat(heard.stream().flatMapToInt(r -> Arrays.stream(ids(r))).boxed())
                .isEqualTo(holder.alone(prompt, count));
        assertThat(router.end()).isNull();
        assertThat(taker.runtime.engine().stats().promptTokensComputed()).isZero();
        giver.awaitRest();
        taker.awaitRest();
    }

    @Test
    void shouldTellStreamsToMoveThatBeginWhileTheWorkerDrains() {
        // Given
        TestRouter router = giver.router();
        int[] prompt = TestHolder.ids(BLOCK + 1, 2);
        TestHolder.Prompt computed = holder.compute(router.requestId, prompt);
        router.send(router.reserve(prompt, ENDLESS, holder.engine.kvLayout()));
        router.reserved();

        // When
        giver.legs.drain();
        computed.blocks().forEach(router::offer);
        router.send(TestRouter.start(prompt.length, computed.firstToken(), ENDLESS));

        // Then
        router.until(DecodeResponse::hasDraining);
        router.cancelMessage();
        giver.awaitRest();
    }

    @Test
    void shouldGenerateUntilItIsAStreamsTurn() {
        // Given as many streams that have stopped as may at a time
        List<Stream> stopped = new ArrayList<>();
        for (int i = 0; i < TestWorker.HAND_OVERS; i++) {
            Stream stream = new Stream(TestHolder.ids(BLOCK, i), ENDLESS, 3);
            stream.stop();
            stopped.add(stream);
        }
        Stream waiting = new Stream(TestHolder.ids(BLOCK, 9), ENDLESS, 3);

        // When
        waiting.router.handOver(TAKER, 2);

        // Then it generates
        for (int i = 0; i < 20; i++) {
            assertThat(waiting.router.next().hasToken()).isTrue();
        }

        // When
        stopped.getFirst().router.cancelMessage();

        // Then
        waiting.router.until(DecodeResponse::hasStopped);
        stopped.getLast().router.cancelMessage();
        waiting.router.cancelMessage();
        giver.awaitRest();
    }

    @Test
    void shouldWaitForRoomInAStoreThatHoldsLessThanTheStream() {
        // Given a store of three blocks
        long block = holder.engine.kvLayout().bytes(BLOCK);
        giver(Map.of("baton.kv.store-size", Long.toString(3 * block)));
        int count = 8 * BLOCK;
        Stream stream = new Stream(TestHolder.ids(5 * BLOCK + 1, 3), count, 2 * BLOCK);
        TestRouter other = stream.reserveElsewhere();

        // When
        stream.stop();
        other.extend(stream.computed()).send(stream.start());
        passOn(stream.router, other, stream.blocks());
        stream.add(other.untilFinished());
        stream.router.halfClose();

        // Then
        assertThat(stream.generated).isEqualTo(holder.alone(stream.prompt, count));
        giver.awaitRest();
        taker.awaitRest();
    }

    @Test
    void shouldGiveUpAStreamThatNobodyTakes() {
        // Given
        giver(Map.of("baton.kv.lease-time", "1s"));
        Stream stream = new Stream(TestHolder.ids(BLOCK, 4), ENDLESS, 3);

        // When
        stream.stop();

        // Then: TestWorker's lease table is looked at by the worker's timer
        assertThat(stream.router.failure().code()).isEqualTo(ErrorCode.LEASE_EXPIRED);
        giver.awaitRest();
    }

    @Test
    void shouldReleaseEverythingWhenTheRouterGoesAwayInBetween() {
        // Given
        Stream stream = new Stream(TestHolder.ids(3 * BLOCK, 5), ENDLESS, 40);
        TestRouter other = stream.reserveElsewhere();
        stream.stop();

        // When
        stream.router.hangUp();
        other.hangUp();

        // Then
        giver.awaitRest();
        taker.awaitRest();
    }

    @Test
    void shouldRefuseAHandOverThatMakesNoSense() {
        Stream twice = new Stream(TestHolder.ids(BLOCK, 6), ENDLESS, 3);
        twice.router.handOver(TAKER, 2).handOver(TAKER, 2);
        assertThat(twice.router.failure().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);

        Stream nobody = new Stream(TestHolder.ids(BLOCK, 6), ENDLESS, 3);
        nobody.router.handOver("", 2);
        assertThat(nobody.router.failure()).hasMessageContaining("receiver");

        TestRouter early = giver.router();
        early.send(early.reserve(TestHolder.ids(BLOCK, 6), 10, holder.engine.kvLayout()));
        early.reserved();
        early.handOver(TAKER, 2);
        assertThat(early.failure()).hasMessageContaining("HandOver");
        giver.awaitRest();
    }

    private TestRouter promised(int[] tokens, int cells) {
        TestRouter router = taker.router();
        router.send(router.reserve(tokens, 0, holder.engine.kvLayout())
                .setCells(cells)
                .setOpenEnded(true));
        assertThat(router.reserved().getCachedBlocks()).isZero();
        return router;
    }

    @Test
    void shouldRefuseTokensThatTheReservationIsNotFor() {
        int[] tokens = TestHolder.ids(BLOCK, 7);
        int[] more = Arrays.copyOf(tokens, BLOCK + 10);
        int[] other = more.clone();
        other[0]++;

        assertThat(promised(tokens, BLOCK + 20).extend(other).failure()).hasMessageContaining("do not continue");
        assertThat(promised(tokens, BLOCK + 20).extend(Arrays.copyOf(tokens, 3)).failure())
                .hasMessageContaining("do not continue");
        assertThat(promised(tokens, BLOCK + 10).extend(more).failure()).hasMessageContaining("do not fit");
        assertThat(promised(tokens, BLOCK + 20)
                        .extend(more)
                        .extend(more)
                        .failure()
                        .code())
                .isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
        assertThat(promised(tokens, BLOCK + 20)
                        .send(TestRouter.start(BLOCK, 1, 5))
                        .failure()
                        .code())
                .isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
        assertThat(promised(tokens, BLOCK + 20).halfClose().failure().code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
        TestHolder.Prompt prompt = holder.compute("p", tokens);
        assertThat(promised(tokens, BLOCK + 20)
                        .offer(prompt.blocks().getFirst())
                        .failure())
                .hasMessageContaining("before Extend");
        TestRouter whole = taker.router();
        whole.send(whole.reserve(tokens, 10, holder.engine.kvLayout()));
        whole.reserved();
        assertThat(whole.extend(more).failure()).hasMessageContaining("open-ended");
        taker.awaitRest();
    }
}
