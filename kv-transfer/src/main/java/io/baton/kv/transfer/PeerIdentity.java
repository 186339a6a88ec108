package io.baton.kv.transfer;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.grpc.Context;
import java.util.Optional;

/**
 * The authenticated peer of the call that is being handled: set by whoever authenticates connections, read where a peer must
 * be the worker that it says it is. Absent where peers are not authenticated.
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

    /**
     * Holds an authenticated peer to what it says of itself.
     *
     * @param claimed the receiver that the peer says it is
     * @throws BatonException {@code RECEIVER_MISMATCH} if it is another worker
     */
    static void check(String claimed) {
        String peer = WORKER_ID.get();
        if (peer != null && !peer.equals(claimed)) {
            throw new BatonException(
                    ErrorCode.RECEIVER_MISMATCH,
                    "worker '" + peer + "' says that it is '" + claimed + "'; a worker acts for itself only");
        }
    }
}
