package io.baton.worker;

/** A setting that cannot be worked with. The message is one sentence that names the setting and says what it may be. */
public final class SettingException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** An error about the setting {@code name}. */
    public SettingException(String name, Object value, String expected) {
        super("setting " + name + "=" + value + ": " + expected);
    }

    /** An error about the setting {@code name} that has a cause. */
    public SettingException(String name, Object value, String expected, Throwable cause) {
        super("setting " + name + "=" + value + ": " + expected, cause);
    }

    static void check(boolean ok, String name, Object value, String expected) {
        if (!ok) {
            throw new SettingException(name, value, expected);
        }
    }
}
