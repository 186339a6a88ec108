package io.baton.kv.transfer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.baton.engine.KvLayout;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.Layouts;
import io.baton.kv.block.Checksums;
import io.baton.kv.block.Descriptors;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.PullResponse;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import java.io.ByteArrayInputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.Size;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Frames that were changed on their way, or never were frames, against the receiver that a worker has. */
class SpoiltFramesTest {
    private static final int FLIPS = 100_000;
    private static final KvLayout LAYOUT = Layouts.of(64);
    private static final int TOKENS = 8;
    private static final int FRAMES = 4;
    private static final byte[] ROWS = rows();

    private static byte[] rows() {
        byte[] rows = new byte[Math.toIntExact(LAYOUT.bytes(TOKENS))];
        new Random(5).nextBytes(rows);
        return rows;
    }

    private static final int CRC = Checksums.crc32c(MemorySegment.ofArray(ROWS));

    private static KvDescriptor descriptor() {
        return KvDescriptor.newBuilder()
                .setKind(DescriptorKind.DESCRIPTOR_KIND_BATON)
                .setTokenEnd(TOKENS)
                .setLayout(Descriptors.toProto(LAYOUT))
                .setSizeBytes(ROWS.length)
                .setCrc32C(CRC)
                .setHolderAddress("holder:1")
                .setRequestId("r")
                .setAttempt(1)
                .setReceiver(Holder.RECEIVER)
                .build();
    }

    private static List<byte[]> frames() {
        List<byte[]> frames = new ArrayList<>();
        int n = ROWS.length / FRAMES;
        for (int i = 0; i < FRAMES; i++) {
            frames.add(PullResponse.newBuilder()
                    .setRows(ByteString.copyFrom(ROWS, i * n, n))
                    .build()
                    .toByteArray());
        }
        return frames;
    }

    /** A connection that delivers these messages to whoever asks, and then ends the call well. */
    private static final class Canned extends FakeChannel {
        private List<byte[]> messages = List.of();

        @Override
        public <Q, R> ClientCall<Q, R> newCall(MethodDescriptor<Q, R> method, CallOptions options) {
            return new ClientCall<>() {
                private @Nullable Listener<R> listener;

                @Override
                public void start(Listener<R> l, Metadata headers) {
                    listener = l;
                }

                @Override
                public void request(int n) {}

                @Override
                public void sendMessage(Q message) {}

                @Override
                public void halfClose() {
                    Listener<R> l = Objects.requireNonNull(listener);
                    for (byte[] m : messages) {
                        l.onMessage(method.parseResponse(new ByteArrayInputStream(m)));
                    }
                    l.onClose(Status.OK, new Metadata());
                }

                @Override
                public void cancel(@Nullable String message, @Nullable Throwable cause) {}
            };
        }
    }

    private final Canned channel = new Canned();

    private KvPuller puller() {
        return new KvPuller(Holder.config(), Holder.RECEIVER, LAYOUT, new ChannelPool(1, _ -> channel));
    }

    private CompletableFuture<PulledBlock> pull(KvPuller puller, MemorySegment target, List<byte[]> messages) {
        channel.messages = messages;
        return puller.pull(descriptor(), target);
    }

    private static void assertSpoilt(CompletableFuture<PulledBlock> pull) {
        assertThat(pull).isCompletedExceptionally();
        assertThatThrownBy(pull::join)
                .cause()
                .isInstanceOfSatisfying(
                        BatonException.class,
                        e -> assertThat(e.code()).isIn(ErrorCode.BLOCK_CORRUPT, ErrorCode.PROTOCOL_VIOLATION));
    }

    @Test
    void shouldRefuseAHundredThousandFlips() {
        // Given that the frames as they were sent are taken
        Random random = new Random(20_261_126);
        MemorySegment target = Arena.ofAuto().allocate(ROWS.length, 8);
        try (KvPuller puller = puller()) {
            assertThat(pull(puller, target, frames()).join().bytes()).isEqualTo(ROWS.length);
            assertThat(target.mismatch(MemorySegment.ofArray(ROWS))).isEqualTo(-1);

            for (int i = 0; i < FLIPS; i++) {
                // When one or two bits of one frame are others: CRC32C finds any five in a block of this size
                List<byte[]> spoilt = frames();
                byte[] frame = spoilt.get(random.nextInt(FRAMES));
                int bits = frame.length * Byte.SIZE;
                int first = random.nextInt(bits);
                for (int bit : new int[] {first, first + 1 + random.nextInt(bits - 1)}) {
                    frame[bit % bits / Byte.SIZE] ^= (byte) (1 << bit % Byte.SIZE);
                    if (i % 2 == 0) {
                        break;
                    }
                }
                // Then
                assertSpoilt(pull(puller, target, spoilt));
            }
            assertThat(puller.stats().pulledBlocks()).isEqualTo(1);
            assertThat(puller.stats().channelUses()).isZero();
        }
    }

    @Test
    void shouldRefuseFramesThatAreMissingDoubledOrInAnotherOrder() {
        MemorySegment target = Arena.ofAuto().allocate(ROWS.length, 8);
        List<byte[]> f = frames();
        try (KvPuller puller = puller()) {
            assertSpoilt(pull(puller, target, List.of()));
            assertSpoilt(pull(puller, target, f.subList(0, 3)));
            assertSpoilt(pull(puller, target, f.subList(1, 4)));
            assertSpoilt(pull(puller, target, f.reversed()));
            assertSpoilt(pull(puller, target, List.of(f.get(0), f.get(0), f.get(2), f.get(3))));
            assertSpoilt(pull(puller, target, List.of(f.get(0), f.get(1), f.get(2), f.get(3), f.get(3))));
        }
    }

    /** What a reader of varints gets wrong first; each was written down because it is the edge of a rule. */
    @ParameterizedTest
    @CsvSource({
        "''",
        "0a",
        "0a00",
        "0a8000",
        "0aff",
        "0affffffff",
        "0affffffffff",
        "0affffffff0f",
        "0affffffff7f",
        "0a80808080808080808001",
        "0a0201",
        "0a01",
        "0a010203",
        "1201ff",
        "08ff01",
        "0b0c"
    })
    void shouldRefuseWhatIsNoFrame(String hex) {
        assertNoFrame(HexFormat.of().parseHex(hex));
    }

    @Property(tries = 20_000)
    void shouldEitherTakeAFrameWholeOrRefuseIt(@ForAll @Size(max = 64) byte[] message) {
        assertNoFrameOrWhole(message);
    }

    @Property(tries = 20_000)
    void shouldEitherTakeAFrameWholeOrRefuseItAlsoAfterItsTag(@ForAll @Size(max = 64) byte[] rest) {
        byte[] message = new byte[rest.length + 1];
        message[0] = RowFrames.TAG;
        System.arraycopy(rest, 0, message, 1, rest.length);
        assertNoFrameOrWhole(message);
    }

    private static void assertNoFrame(byte[] message) {
        assertThatThrownBy(() -> RowFrames.read(new ByteArrayInputStream(message), target(), 0))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION));
    }

    private static void assertNoFrameOrWhole(byte[] message) {
        MemorySegment target = target();
        int n;
        try {
            n = RowFrames.read(new ByteArrayInputStream(message), target, 8);
        } catch (BatonException e) {
            assertThat(e.code()).isIn(ErrorCode.PROTOCOL_VIOLATION, ErrorCode.BLOCK_CORRUPT);
            assertThat(target.mismatch(target())).as("nothing was written").isEqualTo(-1);
            return;
        }
        MemorySegment end = MemorySegment.ofArray(message).asSlice(message.length - n);
        assertThat(target.asSlice(8, n).mismatch(end)).isEqualTo(-1);
        assertThat(target.asSlice(0, 8).mismatch(target().asSlice(0, 8))).isEqualTo(-1);
    }

    private static MemorySegment target() {
        return Arena.ofAuto().allocate(128, 8);
    }
}
