package io.baton.decode.service.leg;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.decode.v1.DecodeFinished;
import io.baton.engine.simulated.SimulatedEngineConfig;
import io.baton.error.ErrorCode;
import io.baton.kv.block.DescriptorMessages;
import io.baton.kv.key.ClusterKeys;
import io.baton.kv.v1.KvDescriptor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** In a cluster with keys the signature covers the layout, which offers leave out. */
class SignedOffersTest {
    private static final int[] TOKENS = TestHolder.ids(3 * TestWorker.BLOCK + 1, 1);

    @TempDir
    @SuppressWarnings("NullAway.Init")
    Path directory;

    @SuppressWarnings("NullAway.Init")
    private TestHolder holder;

    @SuppressWarnings("NullAway.Init")
    private TestWorker worker;

    private static String key(String id, int fill) {
        byte[] secret = new byte[ClusterKeys.MIN_SECRET_BYTES];
        Arrays.fill(secret, (byte) fill);
        return id + " " + Base64.getEncoder().encodeToString(secret) + "\n";
    }

    @BeforeEach
    void open() throws IOException {
        String text = key(ClusterKeys.NAMES, 1) + key("k1", 2);
        Path keys = Files.writeString(directory.resolve("keys"), text);
        holder = new TestHolder(ClusterKeys.parse(text));
        worker = new TestWorker(SimulatedEngineConfig.withoutDelays(), Map.of("baton.kv.keys-file", keys.toString()));
    }

    @AfterEach
    void close() {
        worker.close();
        holder.close();
    }

    /** A leg that was offered the blocks of its prompt, without layout, each changed so. */
    private TestRouter offered(UnaryOperator<KvDescriptor.Builder> change) {
        TestRouter router = worker.router();
        TestHolder.Prompt prompt = holder.compute(router.requestId, TOKENS);
        router.send(router.reserve(TOKENS, 10, holder.engine.kvLayout()));
        router.reserved();
        List<KvDescriptor> carried = DescriptorMessages.split(prompt.blocks()).getFirst();
        assertThat(carried)
                .hasSize(4)
                .noneMatch(KvDescriptor::hasLayout)
                .noneMatch(d -> d.getSignature().isEmpty());
        return router.offer(carried.stream()
                        .map(d -> change.apply(d.toBuilder()).build())
                        .toList())
                .send(TestRouter.start(TOKENS.length, prompt.firstToken(), 10));
    }

    @Test
    void shouldVerifyAndPullWithTheLayoutOfTheReservation() {
        // When
        TestRouter router = offered(d -> d);

        // Then: the holder compares what it is asked for with what it signed
        DecodeFinished finished = router.untilFinished().getLast().getFinished();
        assertThat(finished.getBlocksPulled()).isEqualTo(4);
        worker.awaitRest();
    }

    @Test
    void shouldTakeADescriptorThatBringsTheSameLayout() {
        // When
        TestRouter router = offered(d -> d.setLayout(worker.legs.layout()));

        // Then
        assertThat(router.untilFinished().getLast().getFinished().getBlocksPulled())
                .isEqualTo(4);
        worker.awaitRest();
    }

    @Test
    void shouldRefuseADescriptorThatBringsAnotherLayout() {
        // When
        TestRouter router =
                offered(d -> d.setLayout(worker.legs.layout().toBuilder().setKType(77)));

        // Then
        assertThat(router.failure().code()).isEqualTo(ErrorCode.DESCRIPTOR_FORGED);
        worker.awaitRest();
        assertThat(worker.runtime.engine().stats().importedBytes()).isZero();
    }

    @Test
    void shouldRefuseADescriptorThatWasSignedForAnotherRange() {
        // When
        TestRouter router = offered(d -> d.setTokenEnd(d.getTokenEnd() - 1));

        // Then
        assertThat(router.failure().code()).isEqualTo(ErrorCode.DESCRIPTOR_FORGED);
        worker.awaitRest();
    }
}
