package io.baton.router.fake;

import io.grpc.Metadata;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * What a fake worker saw of one leg.
 *
 * @param <Q> messages from the router
 */
public final class LegRecord<Q> {
    private final Metadata headers;
    private final List<Q> received = new CopyOnWriteArrayList<>();
    private final CompletableFuture<String> end = new CompletableFuture<>();

    LegRecord(Metadata headers) {
        this.headers = headers;
    }

    void add(Q message) {
        received.add(message);
    }

    void ended(String how) {
        end.complete(how);
    }

    /** The metadata of the call. */
    public Metadata headers() {
        return headers;
    }

    /** The messages, in order. */
    public List<Q> received() {
        return received;
    }

    /** How the router ended the leg: "half-close", "cancel message" or "cancelled call". Waits for it. */
    public String end() {
        try {
            return end.get(20, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            throw new AssertionError("the router did not end the leg; it sent " + received.size() + " messages", e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AssertionError(e);
        } catch (java.util.concurrent.ExecutionException e) {
            throw new AssertionError(e);
        }
    }

    /** Whether the router has ended the leg. */
    public boolean isEnded() {
        return end.isDone();
    }
}
