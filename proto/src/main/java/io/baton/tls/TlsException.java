package io.baton.tls;

/**
 * Why a service cannot have TLS as it is set: a sentence for whoever starts it, and no stack trace, so that the sentence is the
 * last line of a start that fails.
 */
public final class TlsException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    /** A sentence. */
    public TlsException(String message) {
        super(message);
    }

    /** A sentence. */
    public TlsException(String message, Throwable cause) {
        super(message, cause);
    }

    @Override
    public synchronized Throwable fillInStackTrace() {
        return this;
    }
}
