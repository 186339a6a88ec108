package io.baton.cli.keys;

/** Keys or certificates that could not be written or read. The message is for the person at the terminal. */
public final class KeysException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    KeysException(String message) {
        super(message);
    }

    KeysException(String message, Throwable cause) {
        super(message, cause);
    }
}
