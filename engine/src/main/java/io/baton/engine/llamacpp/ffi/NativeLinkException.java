package io.baton.engine.llamacpp.ffi;

/** The dynamic linker refused a library; the message is its reason. */
public final class NativeLinkException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** A refusal. */
    public NativeLinkException(String message, Throwable cause) {
        super(message, cause);
    }
}
