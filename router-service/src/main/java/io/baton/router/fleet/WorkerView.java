package io.baton.router.fleet;

import static java.util.Objects.requireNonNull;

import io.baton.kv.v1.DescriptorKind;
import io.baton.worker.v1.WatchResponse;
import io.baton.worker.v1.WorkerRole;
import io.baton.worker.v1.WorkerState;
import org.jspecify.annotations.Nullable;

/**
 * What the router knows about a worker at one moment.
 *
 * <p><em>Thread-safety:</em> immutable.
 *
 * @param address host:port as the settings name it; the worker's name in the router
 * @param role role that the settings give it
 * @param connected whether its Watch stream is alive
 * @param kind model, block size and layout; null until it was heard
 * @param last what it told last, with what it told of its identity and capacity before; null until it was heard
 * @param problem why it takes no work; empty if it does
 */
public record WorkerView(
        String address,
        WorkerRole role,
        boolean connected,
        @Nullable KvKind kind,
        @Nullable WatchResponse last,
        String problem) {

    static WorkerView unheard(String address, WorkerRole role) {
        return new WorkerView(address, role, false, null, null, "not connected yet");
    }

    /** A view of a worker that has just told its state, and who it is. */
    static WorkerView heard(String address, WorkerRole role, KvKind kind, WatchResponse message) {
        return new WorkerView(address, role, true, kind, message, problemOf(role, message));
    }

    /** A view of the same worker, which has told its state again and is who it was. */
    WorkerView heardAgain(WatchResponse message) {
        WatchResponse before = requireNonNull(last);
        WatchResponse.Builder whole = message.toBuilder().setIdentity(before.getIdentity());
        if (!message.hasCapacity()) {
            whole.setCapacity(before.getCapacity());
        }
        WatchResponse now = whole.build();
        return new WorkerView(address, role, true, kind, now, problemOf(role, now));
    }

    WorkerView lost(String why) {
        return new WorkerView(address, role, false, kind, last, why);
    }

    /** The same, but given no work for a reason that the worker does not know. */
    WorkerView suspended(String why) {
        return new WorkerView(address, role, connected, kind, last, why);
    }

    /** Whether it takes work. */
    public boolean healthy() {
        return problem.isEmpty();
    }

    /** Whether it is a decode worker that can compute prompts itself: where the engines exchange KV caches, none does. */
    public boolean computesPrompts() {
        KvKind k = kind;
        return role == WorkerRole.WORKER_ROLE_DECODE
                && k != null
                && k.layout().getKind() != DescriptorKind.DESCRIPTOR_KIND_NIXL;
    }

    /** Its model; empty until it was heard. */
    public String model() {
        KvKind k = kind;
        return k == null ? "" : k.model();
    }

    private static String problemOf(WorkerRole role, WatchResponse message) {
        WorkerRole actual = message.getIdentity().getRole();
        if (actual != role) {
            return "is listed as " + name(role) + " worker but says that it is " + name(actual);
        }
        WorkerState state = message.getState();
        return switch (state) {
            case WORKER_STATE_READY -> message.getIdentity().getModel().isEmpty() ? "does not name its model" : "";
            case WORKER_STATE_DRAINING -> "is draining";
            case WORKER_STATE_FAILED -> "its engine has failed";
            case WORKER_STATE_UNSPECIFIED, UNRECOGNIZED -> "does not say its state";
        };
    }

    /** A role as people write it. */
    public static String name(WorkerRole role) {
        return switch (role) {
            case WORKER_ROLE_PREFILL -> "prefill";
            case WORKER_ROLE_DECODE -> "decode";
            case WORKER_ROLE_UNSPECIFIED, UNRECOGNIZED -> "unknown";
        };
    }
}
