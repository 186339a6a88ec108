package io.baton.cli.launch;

/** A fleet could not be started, found or stopped. The message is a sentence for the user: what is wrong and what to do. */
public final class LaunchException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** A sentence for the user. */
    public LaunchException(String message) {
        super(message);
    }

    /** A sentence for the user, and the cause. */
    public LaunchException(String message, Throwable cause) {
        super(message, cause);
    }
}
