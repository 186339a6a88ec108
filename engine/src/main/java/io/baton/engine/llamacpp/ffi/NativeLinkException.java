package io.baton.engine.llamacpp.ffi;

import org.jspecify.annotations.Nullable;

/** The dynamic linker refused a library; the message is its reason. */
public final class NativeLinkException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** A refusal. */
    public NativeLinkException(String message, @Nullable Throwable cause) {
        super(message, cause);
    }
}
