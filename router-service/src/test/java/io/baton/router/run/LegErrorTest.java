package io.baton.router.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.grpc.Status;
import java.nio.channels.ClosedChannelException;
import org.junit.jupiter.api.Test;

/** What a leg's end is called: a lost worker leads to another one, a failed worker does not. */
class LegErrorTest {
    private static final String WHO = "decode worker 127.0.0.1:1";

    @Test
    void shouldCallAWorkerLostWhoseConnectionIsClosed() {
        // When
        BatonException error = Leg.errorOf(
                WHO,
                "",
                Status.UNKNOWN
                        .withDescription("channel closed")
                        .withCause(new ClosedChannelException())
                        .asRuntimeException());

        // Then
        assertThat(error.code()).isEqualTo(ErrorCode.WORKER_LOST);
        assertThat(error).hasMessage(WHO + " was lost; send the request again");
    }

    @Test
    void shouldKeepTheCauseOfAWorkersFailure() {
        // Given what a worker answers whose code has thrown
        var thrown = Status.UNKNOWN
                .withDescription("Application error processing RPC")
                .asRuntimeException();

        // When
        BatonException error = Leg.errorOf(WHO, "", thrown);

        // Then
        assertThat(error.code()).isEqualTo(ErrorCode.INTERNAL);
        assertThat(error).hasMessage(WHO + " failed; its log has the cause").hasCause(thrown);
    }
}
