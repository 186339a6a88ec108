package io.baton.router.auth;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.router.config.RouterConfig;
import java.nio.file.Path;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Tells whose request it is, by the key in its {@code Authorization} header (RFC 6750). Without a file of keys the API is open
 * and every request is of the tenant with the empty name.
 *
 * <p><em>Thread-safety:</em> safe.
 */
public final class Authenticator implements AutoCloseable {
    /** The tenant of an open API. */
    public static final String NOBODY = "";

    private static final Logger LOG = Logger.getLogger(Authenticator.class);
    private static final String SCHEME = "Bearer ";

    private final @Nullable ApiKeyFile file;
    private final AuthObserver observer;
    private final @Nullable ScheduledExecutorService timer;

    private Authenticator(@Nullable ApiKeyFile file, AuthObserver observer, @Nullable ScheduledExecutorService timer) {
        this.file = file;
        this.observer = observer;
        this.timer = timer;
    }

    /**
     * An authenticator as configured.
     *
     * @throws IllegalArgumentException if the file of keys cannot be read or is wrong, or a setting makes no sense
     */
    public static Authenticator of(RouterConfig config, AuthObserver observer) {
        String name = config.apiKeys().orElse("");
        if (name.isEmpty()) {
            LOG.warn("the API is open to whoever reaches it: baton.router.api-keys is not set");
            return new Authenticator(null, observer, null);
        }
        long reload = config.apiKeysReload().toMillis();
        if (reload < 1 || config.apiKeysMax() < 1) {
            throw new IllegalArgumentException(
                    "baton.router.api-keys-reload must be at least 1ms and baton.router.api-keys-max at least 1");
        }
        ApiKeyFile file = new ApiKeyFile(Path.of(name), config.apiKeysMax(), observer);
        // A thread of its own: a mount that hangs must hold up no request.
        ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().daemon().name("baton-api-keys").factory());
        var _ = timer.scheduleWithFixedDelay(file::look, reload, reload, TimeUnit.MILLISECONDS);
        return new Authenticator(file, observer, timer);
    }

    /**
     * Whose request it is.
     *
     * @param authorization the request's {@code Authorization} header; null if it has none
     * @throws BatonException INVALID_API_KEY if keys are asked for and this is none
     */
    public String tenant(@Nullable String authorization) {
        ApiKeyFile keys = file;
        if (keys == null) {
            return NOBODY;
        }
        if (authorization == null || !authorization.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
            observer.refused(AuthObserver.Refusal.MISSING);
            throw new BatonException(
                    ErrorCode.INVALID_API_KEY, "the request has no API key; send 'Authorization: Bearer KEY'");
        }
        String tenant =
                keys.keys().tenant(authorization.substring(SCHEME.length()).strip());
        if (tenant == null) {
            observer.refused(AuthObserver.Refusal.UNKNOWN);
            throw new BatonException(
                    ErrorCode.INVALID_API_KEY, "the API key is not one of this service; check it, or ask for another");
        }
        return tenant;
    }

    @Override
    public void close() {
        ScheduledExecutorService t = timer;
        if (t != null) {
            t.shutdownNow();
        }
    }
}
