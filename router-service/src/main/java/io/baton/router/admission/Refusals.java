package io.baton.router.admission;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.time.Duration;
import java.util.Locale;

/** What a request that is refused is told. */
final class Refusals {
    private Refusals() {}

    /** An error that says to come again after so many seconds; 0 if nobody knows. */
    static BatonException of(Reason reason, String what, double retrySeconds) {
        ErrorCode code = switch (reason) {
            case QUEUE_FULL, DISPLACED, MAX_WAIT -> ErrorCode.QUEUE_FULL;
            case TTFT_DEADLINE -> ErrorCode.TTFT_DEADLINE;
            case REQUEST_RATE, TOKEN_RATE -> ErrorCode.RATE_LIMITED;
        };
        return retrySeconds > 0
                ? new BatonException(code, what, Duration.ofNanos((long) (Math.min(retrySeconds, 86_400) * 1e9)))
                : new BatonException(code, what);
    }

    static String seconds(double seconds) {
        return String.format(Locale.ROOT, "%.1f s", seconds);
    }
}
