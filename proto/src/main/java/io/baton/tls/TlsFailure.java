package io.baton.tls;

import io.netty.handler.ssl.NotSslRecordException;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * Why a connection did not become one because of TLS.
 *
 * @param sentence for the log and for people
 */
public record TlsFailure(String sentence) {
    private static final int LONGEST = 200;

    /** What TLS says among the causes of a failure; null if it is not to blame. */
    public static @Nullable TlsFailure among(@Nullable Throwable failure) {
        for (Throwable t = failure; t != null; t = t.getCause()) {
            if (t instanceof NotSslRecordException) {
                // Its message is all that the peer sent, in hexadecimal.
                return new TlsFailure("the peer speaks no TLS; its baton.tls.mode may be plaintext");
            }
            if (t instanceof SSLException) {
                String message = String.valueOf(t.getMessage());
                return new TlsFailure(message.substring(0, Math.min(LONGEST, message.length())));
            }
        }
        return null;
    }
}
