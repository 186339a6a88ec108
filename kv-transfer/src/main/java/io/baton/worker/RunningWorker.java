package io.baton.worker;

import org.jspecify.annotations.Nullable;

/** A worker process as its service sees it: what health endpoints ask, and its end. */
public interface RunningWorker extends AutoCloseable {
    /** Whether the worker serves and takes new requests. */
    boolean ready();

    /** Why the process can be of use no more and should be started again; null while it can. */
    @Nullable
    Throwable failure();

    /** Takes no new requests and gives the open ones the grace of the settings to end. */
    void drain() throws InterruptedException;

    /** Ends everything. Idempotent. */
    @Override
    void close();
}
