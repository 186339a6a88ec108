package io.baton.worker;

import io.grpc.Context;
import java.util.Optional;

/**
 * The authenticated peer of the call that is being handled: set by whoever authenticates connections, read by whoever must
 * know that a peer is the worker that it says it is. Absent where peers are not authenticated.
 *
 * <p><em>Thread-safety:</em> as {@link Context}: a value belongs to a call and is seen by the call's own callbacks.
 */
public final class PeerIdentity {
    /** Worker id of the peer, as its certificate tells it. Set in a server interceptor, before the call's listener is made. */
    public static final Context.Key<String> WORKER_ID = Context.key("baton-peer-worker-id");

    private PeerIdentity() {}

    /** Worker id of the authenticated peer of the current call; empty where it was not authenticated. */
    public static Optional<String> workerId() {
        return Optional.ofNullable(WORKER_ID.get());
    }
}
