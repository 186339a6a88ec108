package io.baton.router.grpc;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.inference.v1.GenerateResponse;
import io.baton.router.fake.Samples;
import io.baton.router.run.ClientEvent;
import io.grpc.stub.ServerCallStreamObserver;
import org.junit.jupiter.api.Test;

class GrpcSinkTest {
    private static final ClientEvent TOKEN = new ClientEvent.Output(Samples.token(7));

    /** A call whose connection takes nothing. */
    private static final class DeafCall extends ServerCallStreamObserver<GenerateResponse> {
        int threshold;
        int queued;
        int asked;
        int largest;

        @Override
        public boolean isReady() {
            asked++;
            return queued < threshold;
        }

        @Override
        public void setOnReadyThreshold(int bytes) {
            threshold = bytes;
        }

        @Override
        public void onNext(GenerateResponse message) {
            int bytes = 5 + message.getSerializedSize();
            queued += bytes;
            largest = Math.max(largest, bytes);
        }

        @Override
        public boolean isCancelled() {
            return false;
        }

        @Override
        public void setOnCancelHandler(Runnable handler) {}

        @Override
        public void setCompression(String compression) {}

        @Override
        public void setOnReadyHandler(Runnable handler) {}

        @Override
        public void request(int count) {}

        @Override
        public void setMessageCompression(boolean enable) {}

        @Override
        public void disableAutoInboundFlowControl() {}

        @Override
        public void onError(Throwable t) {}

        @Override
        public void onCompleted() {}
    }

    private final DeafCall call = new DeafCall();
    private final GrpcSink sink = new GrpcSink(call, null);

    private void writeWhileReady() {
        while (sink.isReady()) {
            sink.write(TOKEN);
        }
    }

    @Test
    void shouldLeaveNoMoreToAConnectionThatTakesNothingThanIfGrpcWereAskedForEachToken() {
        // When
        writeWhileReady();
        // Then
        assertThat(call.queued).isBetween(GrpcSink.READY_BYTES - GrpcSink.UNASKED_BYTES, GrpcSink.READY_BYTES);
        assertThat(call.asked).isLessThan(20);
    }

    @Test
    void shouldStayUnreadyUntilTheConnectionHasTakenSomething() {
        // Given
        writeWhileReady();
        assertThat(sink.isReady()).isFalse();
        // When
        call.queued = call.threshold - 1;
        // Then
        assertThat(sink.isReady()).isTrue();
        // When
        writeWhileReady();
        // Then
        assertThat(call.queued).isLessThan(GrpcSink.READY_BYTES + call.largest);
    }

    @Test
    void shouldNotTrustALargeMessageForLong() {
        // When
        assertThat(sink.isReady()).isTrue();
        sink.write(new ClientEvent.Output(Samples.token(1).toBuilder()
                .setText("x".repeat(GrpcSink.READY_BYTES))
                .build()));
        // Then
        assertThat(sink.isReady()).isFalse();
    }
}
