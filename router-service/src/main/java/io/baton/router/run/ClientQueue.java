package io.baton.router.run;

import io.baton.error.BatonException;
import java.util.ArrayDeque;
import java.util.function.Consumer;

/**
 * What waits for a client that does not read as fast as tokens come. Its bounds are what a slow client may cost.
 *
 * <p><em>Thread-safety:</em> none; belongs to the request's serial executor.
 */
final class ClientQueue {
    private record Waiting(ClientEvent event, long bytes) {}

    private final ClientSink sink;
    private final ClientLimits limits;
    private final Timers timers;
    private final Consumer<String> onTooSlow;
    private final ArrayDeque<Waiting> waiting = new ArrayDeque<>(2);
    private long bytes;
    /** How many events the client took so far after they had waited. */
    private long taken;

    private boolean watching;
    private boolean terminal;
    private boolean cut;

    /**
     * A queue in which nothing waits.
     *
     * @param onTooSlow told why the client must be given up
     */
    ClientQueue(ClientSink sink, ClientLimits limits, Timers timers, Consumer<String> onTooSlow) {
        this.sink = sink;
        this.limits = limits;
        this.timers = timers;
        this.onTooSlow = onTooSlow;
    }

    void add(ClientEvent event) {
        if (terminal) {
            return;
        }
        terminal = event instanceof ClientEvent.Finished;
        if (waiting.isEmpty() && sink.isReady()) {
            sink.write(event);
        } else {
            enqueue(event);
            String overflow = overflow();
            if (!overflow.isEmpty()) {
                onTooSlow.accept(overflow);
            } else if (!watching) {
                watching = true;
                watch();
            }
        }
    }

    /** Looks again after the time in which the client must have taken something. */
    private void watch() {
        long before = taken;
        timers.after(limits.stall(), () -> {
            if (waiting.isEmpty()) {
                watching = false;
            } else if (taken == before) {
                onTooSlow.accept("it took nothing for " + limits.stall().toMillis() + " ms");
            } else {
                watch();
            }
        });
    }

    private void enqueue(ClientEvent event) {
        long size = switch (event) {
            case ClientEvent.Started(var message) -> message.getSerializedSize();
            case ClientEvent.Output(var message) -> message.getSerializedSize();
            case ClientEvent.Finished(var message) -> message.getSerializedSize();
            case ClientEvent.Failed _ -> 0;
        };
        waiting.add(new Waiting(event, size));
        bytes += size;
    }

    private String overflow() {
        if (terminal) {
            return "";
        }
        if (waiting.size() > limits.outputs()) {
            return "more than " + limits.outputs() + " outputs wait for it";
        }
        return bytes > limits.bytes() ? "more than " + limits.bytes() + " bytes wait for it" : "";
    }

    /** Throws away what waits: the request ends now, and the client does not read. */
    void cut() {
        cut |= !waiting.isEmpty();
        terminal &= waiting.isEmpty();
        waiting.clear();
        bytes = 0;
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
            enqueue(event);
        }
    }

    void drain() {
        while (!waiting.isEmpty() && sink.isReady()) {
            Waiting next = waiting.remove();
            bytes -= next.bytes();
            taken++;
            sink.write(next.event());
        }
    }

    /** Whether the last event was written. */
    boolean isFinished() {
        return terminal && waiting.isEmpty();
    }
}
