package io.baton.grpc;

import io.grpc.Attributes;
import io.grpc.ServerTransportFilter;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Bounds the connections of a server: one too many is closed as soon as it is there. gRPC has no setting for that; a filter
 * that throws makes it close the connection.
 *
 * <p><em>Thread-safety:</em> safe.
 */
public final class ConnectionLimit extends ServerTransportFilter {
    private static final Attributes.Key<Boolean> COUNTED = Attributes.Key.create("baton-connection-counted");

    private final int most;
    private final AtomicInteger open = new AtomicInteger();

    /** A limit of {@code most} connections at once. */
    public ConnectionLimit(int most) {
        this.most = most;
    }

    /** Connections that are open. */
    public int open() {
        return open.get();
    }

    @Override
    public Attributes transportReady(Attributes attributes) {
        if (open.incrementAndGet() > most) {
            open.decrementAndGet();
            throw new IllegalStateException("there are " + most + " connections, as many as the server takes");
        }
        return attributes.toBuilder().set(COUNTED, true).build();
    }

    @Override
    public void transportTerminated(Attributes attributes) {
        // A connection that was refused, or that ended before it was ready, has no attributes.
        if (attributes != null && attributes.get(COUNTED) != null) {
            open.decrementAndGet();
        }
    }
}
