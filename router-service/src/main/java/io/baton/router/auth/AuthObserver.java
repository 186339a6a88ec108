package io.baton.router.auth;

/** Is told what happens to keys, for metrics. Must be safe for use from many threads and must not block. */
public interface AuthObserver {
    /** Why a request was refused. */
    enum Refusal {
        /** It had no key. */
        MISSING,
        /** Its key is not known. */
        UNKNOWN
    }

    /** A request was refused. */
    void refused(Refusal why);

    /** The file of keys had changed and was read again; {@code good} unless the old keys stay because it was wrong. */
    void reloaded(boolean good);
}
