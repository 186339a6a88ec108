package io.baton.grpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteOutput;
import com.google.protobuf.ByteString;
import com.google.protobuf.UnsafeByteOperations;
import io.baton.prefill.v1.PrefillAccepted;
import io.baton.prefill.v1.PrefillRequest;
import io.baton.prefill.v1.PrefillResponse;
import io.baton.prefill.v1.PrefillServiceGrpc;
import io.grpc.KnownLength;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class AliasingMarshallerTest {
    private static final MethodDescriptor<PrefillRequest, PrefillResponse> METHOD =
            PrefillServiceGrpc.getPrefillMethod();
    private static final MethodDescriptor<PrefillRequest, PrefillResponse> ALIASING =
            AliasingMarshaller.ofResponses(METHOD, PrefillResponse.getDefaultInstance());

    /** A message as gRPC hands it over. */
    private static final class Known extends ByteArrayInputStream implements KnownLength {
        Known(byte[] bytes) {
            super(bytes);
        }
    }

    /** Says that more comes than does. */
    private static final class EndsEarly extends InputStream implements KnownLength {
        @Override
        public int read() {
            return -1;
        }

        @Override
        public int available() {
            return AliasingMarshaller.LARGE + 1;
        }
    }

    private static PrefillResponse accepted(int bytes) {
        byte[] ids = new byte[bytes];
        Arrays.fill(ids, (byte) 7);
        return PrefillResponse.newBuilder()
                .setAccepted(PrefillAccepted.newBuilder()
                        .setTokenIds(ByteString.copyFrom(ids))
                        .setPromptTokens(bytes / 4))
                .build();
    }

    /** Lengths of the arrays that the bytes lie in. */
    private static List<Integer> arrays(ByteString bytes) {
        List<Integer> lengths = new ArrayList<>();
        ByteOutput output = new ByteOutput() {
            @Override
            public void write(byte value) {
                lengths.add(1);
            }

            @Override
            public void write(byte[] value, int offset, int length) {
                lengths.add(value.length);
            }

            @Override
            public void writeLazy(byte[] value, int offset, int length) {
                lengths.add(value.length);
            }

            @Override
            public void write(ByteBuffer value) {
                lengths.add(value.capacity());
            }

            @Override
            public void writeLazy(ByteBuffer value) {
                lengths.add(value.capacity());
            }
        };
        try {
            UnsafeByteOperations.unsafeWriteTo(bytes, output);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return lengths;
    }

    private static Status.Code refusal(MethodDescriptor<PrefillRequest, PrefillResponse> method, byte[] bytes) {
        try {
            method.parseResponse(new Known(bytes));
            return Status.Code.OK;
        } catch (StatusRuntimeException e) {
            return e.getStatus().getCode();
        }
    }

    @Test
    void shouldReadALargeMessageIntoOneArrayThatItsBytesAreViewsOf() {
        // Given
        PrefillResponse response = accepted(AliasingMarshaller.LARGE);
        byte[] bytes = response.toByteArray();
        // When
        PrefillResponse read = ALIASING.parseResponse(new Known(bytes));
        // Then
        assertThat(read).isEqualTo(response);
        assertThat(arrays(read.getAccepted().getTokenIds())).containsExactly(bytes.length);
    }

    @Test
    void shouldKeepNoSmallMessageForItsBytes() {
        PrefillResponse response = accepted(1000);
        PrefillResponse read = ALIASING.parseResponse(new Known(response.toByteArray()));
        assertThat(read).isEqualTo(response);
        assertThat(arrays(read.getAccepted().getTokenIds())).containsExactly(1000);
    }

    @Test
    void shouldReadAMessageOfUnknownLengthAsUsual() {
        PrefillResponse response = accepted(AliasingMarshaller.LARGE);
        PrefillResponse read = ALIASING.parseResponse(new ByteArrayInputStream(response.toByteArray()));
        assertThat(read).isEqualTo(response);
        assertThat(arrays(read.getAccepted().getTokenIds())).containsExactly(AliasingMarshaller.LARGE);
    }

    @Test
    void shouldRefuseWhatTheUsualMarshallerRefuses() {
        byte[] good = accepted(AliasingMarshaller.LARGE).toByteArray();
        byte[] truncated = Arrays.copyOf(good, good.length - 1);
        byte[] strayEndOfGroup = Arrays.copyOf(good, good.length + 1);
        strayEndOfGroup[good.length] = 0x0c;
        for (byte[] bad : List.of(truncated, strayEndOfGroup)) {
            assertThat(refusal(METHOD, bad)).isEqualTo(Status.Code.INTERNAL);
            assertThat(refusal(ALIASING, bad)).isEqualTo(Status.Code.INTERNAL);
        }
        assertThat(refusal(ALIASING, good)).isEqualTo(Status.Code.OK);
    }

    @Test
    void shouldNotTakeAMessageThatEndsEarlyForAWholeOne() {
        assertThatThrownBy(() -> ALIASING.parseResponse(new EndsEarly()))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("ended after 0");
    }

    @Test
    void shouldChangeNothingElseOfTheMethod() throws IOException {
        assertThat(ALIASING.getRequestMarshaller()).isSameAs(METHOD.getRequestMarshaller());
        assertThat(ALIASING.getFullMethodName()).isEqualTo(METHOD.getFullMethodName());
        assertThat(ALIASING.getType()).isEqualTo(METHOD.getType());
        try (InputStream stream = ALIASING.streamResponse(accepted(8))) {
            assertThat(stream.readAllBytes()).isEqualTo(accepted(8).toByteArray());
        }
    }
}
