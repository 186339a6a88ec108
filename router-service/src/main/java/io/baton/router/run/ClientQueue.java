package io.baton.router.run;

import io.baton.error.BatonException;
import java.util.ArrayDeque;

/**
 * What waits for a client that does not read as fast as tokens come. Its bound is what a slow client may cost.
 *
 * <p><em>Thread-safety:</em> none; belongs to the request's serial executor.
 */
final class ClientQueue {
    private final ClientSink sink;
    private final int limit;
    private final ArrayDeque<ClientEvent> waiting = new ArrayDeque<>(2);
    private boolean terminal;
    private boolean cut;

    ClientQueue(ClientSink sink, int limit) {
        this.sink = sink;
        this.limit = limit;
    }

    void add(ClientEvent event) {
        if (terminal) {
            return;
        }
        terminal = event instanceof ClientEvent.Finished;
        if (waiting.isEmpty() && sink.isReady()) {
            sink.write(event);
        } else {
            waiting.add(event);
        }
    }

    /** Whether more outputs wait than may. */
    boolean overflown() {
        return !terminal && waiting.size() > limit;
    }

    /** Throws away what waits: the request ends now, and the client does not read. */
    void cut() {
        cut |= !waiting.isEmpty();
        terminal &= waiting.isEmpty();
        waiting.clear();
    }

    /** Ends with an error: after what waits, or at once if that was thrown away. */
    void fail(BatonException error) {
        if (terminal) {
            return;
        }
        terminal = true;
        ClientEvent event = new ClientEvent.Failed(error, cut);
        if (waiting.isEmpty()) {
            sink.write(event);
        } else {
            waiting.add(event);
        }
    }

    void drain() {
        while (!waiting.isEmpty() && sink.isReady()) {
            sink.write(waiting.remove());
        }
    }

    /** Whether the last event was written. */
    boolean isFinished() {
        return terminal && waiting.isEmpty();
    }
}
