package io.baton.router.run;

/**
 * The client's end of a request. Called only in the request's serial executor. When it becomes ready again it must call
 * {@link RequestRun#clientReady} there.
 */
public interface ClientSink {
    /** Whether a write would go to the connection instead of piling up. */
    boolean isReady();

    /** Sends an event. A {@link ClientEvent.Failed} may come although the sink is not ready. */
    void write(ClientEvent event);
}
