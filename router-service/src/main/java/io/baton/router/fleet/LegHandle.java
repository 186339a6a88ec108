package io.baton.router.fleet;

/** A leg of a request, as the worker that carries it sees it. */
public interface LegHandle {
    /** The worker was lost. May be called from any thread, more than once. */
    void workerLost(String why);
}
