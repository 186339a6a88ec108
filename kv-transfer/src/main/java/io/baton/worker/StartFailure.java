package io.baton.worker;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.tls.TlsException;
import io.smallrye.config.ConfigValidationException;
import org.jspecify.annotations.Nullable;

/**
 * What a worker that cannot start, or that ended badly, tells before it exits.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class StartFailure {
    private StartFailure() {}

    /** Ends the process: with {@code code}, or with a sentence and at least 1 after a failure. */
    public static void exit(String who, int code, @Nullable Throwable failure) {
        if (failure == null) {
            System.exit(code);
            return;
        }
        System.err.println(who + ": " + sentence(failure));
        if (isDefect(failure)) {
            failure.printStackTrace();
        }
        // Nothing was served yet, and what failed to start may not end by itself either.
        Runtime.getRuntime().halt(Math.max(1, code));
    }

    /** The sentence: of the setting or domain error among the causes, else of the first cause. */
    static String sentence(Throwable failure) {
        Throwable domain = domainError(failure);
        if (domain != null) {
            return String.valueOf(domain.getMessage());
        }
        Throwable first = failure;
        while (first.getCause() != null) {
            first = first.getCause();
        }
        return first.toString();
    }

    /** Whether what went wrong is a fault of the program, so that its sentence does not say enough to go on. */
    static boolean isDefect(Throwable failure) {
        Throwable domain = domainError(failure);
        return domain == null || (domain instanceof BatonException b && b.code() == ErrorCode.INTERNAL);
    }

    private static @Nullable Throwable domainError(Throwable failure) {
        for (Throwable t = failure; t != null; t = t.getCause()) {
            if (t instanceof SettingException
                    || t instanceof BatonException
                    || t instanceof TlsException
                    || t instanceof ConfigValidationException) {
                return t;
            }
        }
        return null;
    }
}
