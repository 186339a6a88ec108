package io.baton.error;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.netty.handler.codec.http2.Http2Error;
import io.netty.handler.codec.http2.Http2Exception;
import java.nio.channels.ClosedChannelException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BatonExceptionTest {
    @ParameterizedTest
    @EnumSource(ErrorCode.class)
    void shouldSurviveTheWire(ErrorCode code) {
        // Given
        var sent = new BatonException(code, "what was wrong and what to do");

        // When
        StatusRuntimeException status = sent.toStatus();
        BatonException received = BatonException.from(status);

        // Then
        assertThat(status.getStatus().getCode()).isEqualTo(code.grpc());
        assertThat(received.code()).isEqualTo(code);
        assertThat(received).hasMessage("what was wrong and what to do");
    }

    @Test
    void shouldTellInWholeSecondsWhenToComeAgain() {
        for (Duration wait : List.of(Duration.ofMillis(1), Duration.ofMillis(1000), Duration.ofMillis(1001))) {
            // When
            var error = new BatonException(ErrorCode.RATE_LIMITED, "too fast", wait);
            Metadata trailers = error.toStatus().getTrailers();

            // Then
            assertThat(error.retryAfterSeconds()).isEqualTo(wait.toMillis() > 1000 ? 2 : 1);
            assertThat(trailers == null ? null : trailers.get(BatonException.RETRY_AFTER))
                    .isEqualTo(Long.toString(error.retryAfterSeconds()));
        }
        Metadata unknown =
                new BatonException(ErrorCode.QUEUE_FULL, "full").toStatus().getTrailers();
        assertThat(unknown == null || unknown.containsKey(BatonException.RETRY_AFTER))
                .isFalse();
    }

    @ParameterizedTest
    @EnumSource(Status.Code.class)
    void shouldMapAStatusWithoutTrailerToAnErrorOfTheSameKind(Status.Code code) {
        // When
        BatonException received = BatonException.from(new StatusRuntimeException(Status.fromCode(code)));

        // Then
        boolean kept = received.code().grpc() == code;
        boolean peerIsBroken = switch (code) {
            case OK,
                    UNKNOWN,
                    ALREADY_EXISTS,
                    PERMISSION_DENIED,
                    FAILED_PRECONDITION,
                    UNIMPLEMENTED,
                    UNAUTHENTICATED,
                    NOT_FOUND -> true;
            default -> false;
        };
        assertThat(kept || peerIsBroken).isTrue();
        assertThat(received.getMessage()).isEqualTo(code.name());
    }

    @Test
    void shouldCallABrokenConnectionLostWhateverGrpcCallsIt() {
        // Given what gRPC makes of it by itself
        var closed = new ClosedChannelException();
        var noHttp2 = Http2Exception.connectionError(Http2Error.PROTOCOL_ERROR, "no HTTP/2");

        // Then
        assertThat(codeOf(Status.UNKNOWN.withDescription("channel closed").withCause(closed)))
                .isEqualTo(ErrorCode.WORKER_LOST);
        assertThat(codeOf(Status.INTERNAL.withDescription("http2 exception").withCause(noHttp2)))
                .isEqualTo(ErrorCode.WORKER_LOST);
    }

    @Test
    void shouldNotCallAFailureLost() {
        // Given one call alone, on a connection that is well
        var oneStream = Http2Exception.streamError(1, Http2Error.PROTOCOL_ERROR, "a header");
        var named = new Metadata();
        named.put(BatonException.CODE_KEY, ErrorCode.INTERNAL.name());

        // Then
        assertThat(codeOf(Status.INTERNAL.withCause(oneStream))).isEqualTo(ErrorCode.INTERNAL);
        assertThat(codeOf(Status.UNKNOWN.withDescription("Application error processing RPC")))
                .isEqualTo(ErrorCode.INTERNAL);
        assertThat(codeOf(Status.UNKNOWN.withCause(new IllegalStateException())))
                .isEqualTo(ErrorCode.INTERNAL);
        assertThat(BatonException.from(Status.INTERNAL
                                .withCause(new ClosedChannelException())
                                .asRuntimeException(named))
                        .code())
                .isEqualTo(ErrorCode.INTERNAL);
    }

    private static ErrorCode codeOf(Status status) {
        return BatonException.from(status.asRuntimeException()).code();
    }

    @Test
    void shouldIgnoreACodeThatItDoesNotKnow() {
        // Given
        var trailers = new Metadata();
        trailers.put(BatonException.CODE_KEY, "FROM_THE_FUTURE");

        // When
        BatonException received =
                BatonException.from(new StatusRuntimeException(Status.UNAVAILABLE.withDescription("gone"), trailers));

        // Then
        assertThat(received.code()).isEqualTo(ErrorCode.WORKER_LOST);
        assertThat(received).hasMessage("gone");
    }

    @Test
    void shouldUnwrapFutures() {
        // Given
        var cause = new BatonException(ErrorCode.KV_FULL, "full");

        // Then
        assertThat(BatonException.from(new CompletionException(cause))).isSameAs(cause);
        assertThat(BatonException.from(new ExecutionException(cause))).isSameAs(cause);
    }

    @Test
    void shouldNotRevealTheCauseOfAnUnexpectedError() {
        // When
        BatonException error = BatonException.from(new IllegalStateException("secret prompt text"));

        // Then
        assertThat(error.code()).isEqualTo(ErrorCode.INTERNAL);
        assertThat(error.getMessage()).doesNotContain("secret");
        assertThat(error).hasCauseInstanceOf(IllegalStateException.class);
    }
}
