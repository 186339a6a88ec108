package io.baton.router.run;

/**
 * The client's end of a request. Called only in the request's serial executor. When it becomes ready again it must call
 * {@link RequestRun#clientReady} there.
 */
public interface ClientSink {
    /** Whether a write would go to the connection instead of piling up. */
    boolean isReady();

    /** Workers were picked, for these reasons; may come again, and after the first event. For headers. */
    default void picked(String reasons) {}

    /** Sends an event. A {@link ClientEvent.Failed} may come although the sink is not ready. */
    void write(ClientEvent event);
}
