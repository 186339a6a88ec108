package io.baton.grpc.session;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import io.baton.decode.v1.DecodeRequest;
import io.baton.decode.v1.DecodeReserve;
import io.baton.prefill.v1.PrefillRequest;
import io.baton.prefill.v1.PrefillStart;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RopeOutputTest {
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 4095, 4096, 4097, 8192, 65_536, 70_000, 400_003})
    void bytesAreThoseOfTheMessage(int size) {
        byte[] ids = new byte[size];
        for (int i = 0; i < size; i++) {
            ids[i] = (byte) (i * 7 + (i >> 9));
        }
        DecodeReserve.Builder reserve = DecodeReserve.newBuilder()
                .setRequestId("a request")
                .setTokenIds(ByteString.copyFrom(ids))
                .setCells(size);
        for (int i = 0; i < size / 1024; i++) {
            reserve.addPieces(i * 0x9E3779B97F4A7C15L);
        }
        DecodeRequest message = DecodeRequest.newBuilder().setReserve(reserve).build();
        assertThat(RopeOutput.bytes(message)).isEqualTo(message.toByteString());

        PrefillRequest text = PrefillRequest.newBuilder()
                .setStart(PrefillStart.newBuilder()
                        .setPrompt(io.baton.inference.v1.Prompt.newBuilder().setText("ü".repeat(size)))
                        .setModel("after it"))
                .build();
        assertThat(RopeOutput.bytes(text)).isEqualTo(text.toByteString());
    }

    @Test
    void whatIsLargeIsNotCopied() {
        byte[] ids = new byte[100_000];
        DecodeRequest message = DecodeRequest.newBuilder()
                .setReserve(DecodeReserve.newBuilder().setTokenIds(UnsafeByteOperations.unsafeWrap(ids)))
                .build();
        ByteString bytes = RopeOutput.bytes(message);
        ids[50_000] = 42;
        assertThat(bytes).isEqualTo(message.toByteString());
        assertThat(bytes.toByteArray()).contains((byte) 42);
    }
}
