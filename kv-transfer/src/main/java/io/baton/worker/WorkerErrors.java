package io.baton.worker;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.grpc.StatusRuntimeException;
import java.util.function.Consumer;
import org.jboss.logging.Logger;

/**
 * The one place where what went wrong in a leg becomes a status: logs what should not happen with its cause and the
 * request's name, counts everything, and tells the peer no more than the domain error says.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
public final class WorkerErrors {
    private static final Logger LOG = Logger.getLogger(WorkerErrors.class);

    private final Consumer<ErrorCode> count;

    /** Tells every error to {@code count}. */
    public WorkerErrors(Consumer<ErrorCode> count) {
        this.count = count;
    }

    /** The status that ends the call of the request {@code requestId}. */
    public StatusRuntimeException status(Throwable cause, String requestId) {
        BatonException e = BatonException.from(cause);
        count.accept(e.code());
        switch (e.code()) {
            case INTERNAL -> LOG.errorf(e, "request %s failed: %s", requestId, e.getMessage());
            case ENGINE_FAILED -> LOG.errorf(e.getCause(), "request %s failed: %s", requestId, e.getMessage());
            case BLOCK_CORRUPT,
                    PULL_FAILED,
                    BLOCK_NOT_FOUND,
                    BLOCK_SPENT,
                    LEASE_EXPIRED,
                    EPOCH_MISMATCH,
                    RECEIVER_MISMATCH,
                    ROLE_REFUSED,
                    TENANT_MISMATCH,
                    DESCRIPTOR_FORGED,
                    DESCRIPTOR_REFUSED,
                    LAYOUT_MISMATCH,
                    PROTOCOL_VIOLATION -> LOG.warnf("request %s failed: %s: %s", requestId, e.code(), e.getMessage());
            default -> LOG.debugf("request %s ended: %s: %s", requestId, e.code(), e.getMessage());
        }
        return e.toStatus();
    }

    /** Counts a leg that its client gave up. */
    public void cancelled(String requestId) {
        count.accept(ErrorCode.CANCELLED);
        LOG.debugf("request %s was cancelled", requestId);
    }
}
