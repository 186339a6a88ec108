package io.baton.router.run;

import io.baton.router.config.RouterConfig;
import io.baton.router.life.Limits;
import java.time.Duration;
import java.util.concurrent.ThreadLocalRandom;

/**
 * The settings of a run.
 *
 * @param limits limits of the transitions
 * @param requestTimeout longest life of a request
 * @param noProgress silence of an awaited leg that counts as its loss; zero for never
 * @param recoveryWait first wait of a stream for workers that can continue it; doubles up to {@code recoveryWaitMax}
 * @param recoveryWaitMax longest such wait
 * @param settle wait for prefill's closing report
 * @param legClose wait for a worker to close a leg
 * @param client what a slow client may cost
 * @param ttftDeadline time for the first token of requests that do not say; zero for any
 */
public record RunSettings(
        Limits limits,
        Duration requestTimeout,
        Duration noProgress,
        Duration recoveryWait,
        Duration recoveryWaitMax,
        Duration settle,
        Duration legClose,
        ClientLimits client,
        Duration ttftDeadline) {
    /** The settings as configured. */
    public static RunSettings of(RouterConfig config) {
        return new RunSettings(
                new Limits(
                        config.reserveCap(), config.defaultMaxTokens(), config.retryBudget(), config.recoveryWaits()),
                config.requestTimeout(),
                config.noProgressTimeout(),
                config.recoveryWaitMin(),
                config.recoveryWaitMax(),
                config.settleTimeout(),
                config.legCloseTimeout(),
                new ClientLimits(
                        config.clientBuffer(), config.clientBufferBytes().asLongValue(), config.clientStallTimeout()),
                config.admission().ttftDeadline());
    }

    /** The wait after {@code waits} earlier ones, jittered by half so that the streams of a lost worker do not come at once. */
    Duration recoveryWait(int waits) {
        long full = Math.min(recoveryWaitMax.toNanos(), recoveryWait.toNanos() << Math.min(waits, 20));
        return Duration.ofNanos(full / 2 + ThreadLocalRandom.current().nextLong(full / 2 + 1));
    }
}
