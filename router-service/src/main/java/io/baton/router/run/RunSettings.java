package io.baton.router.run;

import io.baton.router.config.RouterConfig;
import io.baton.router.life.Limits;
import java.time.Duration;

/**
 * The settings of a run.
 *
 * @param limits limits of the transitions
 * @param requestTimeout longest life of a request
 * @param noProgress silence of an awaited leg that counts as its loss; zero for never
 * @param settle wait for prefill's closing report
 * @param legClose wait for a worker to close a leg
 * @param clientBuffer most outputs that wait for the client
 * @param maxRequests most generations at once
 */
public record RunSettings(
        Limits limits,
        Duration requestTimeout,
        Duration noProgress,
        Duration settle,
        Duration legClose,
        int clientBuffer,
        int maxRequests) {
    /** The settings as configured. */
    public static RunSettings of(RouterConfig config) {
        return new RunSettings(
                new Limits(config.reserveCap(), config.defaultMaxTokens(), config.retryBudget()),
                config.requestTimeout(),
                config.noProgressTimeout(),
                config.settleTimeout(),
                config.legCloseTimeout(),
                config.clientBuffer(),
                config.maxRequests());
    }
}
