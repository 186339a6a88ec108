package io.baton.worker;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Which attempt of each request runs on a worker: at most one, and the newest that came. A router that tries again has
 * given the older attempt up, even if the worker has not heard of that yet.
 *
 * <p>Bounded by the worker's open calls: an entry goes with its leg.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread; none blocks.
 */
final class Attempts {
    private record Name(String tenant, String requestId) {}

    private final ConcurrentHashMap<Name, Attempt> newest = new ConcurrentHashMap<>();

    /**
     * Begins an attempt, and ends the older one of the same request if it still runs.
     *
     * @param onSuperseded ends the leg if a newer attempt comes; called once at most, on the thread that begins that one
     * @throws BatonException {@code PROTOCOL_VIOLATION} if the same or a newer attempt runs
     */
    Attempt begin(String tenant, String requestId, int number, Consumer<BatonException> onSuperseded) {
        Name name = new Name(tenant, requestId);
        Attempt mine = new Attempt(name, number, onSuperseded);
        while (true) {
            @Nullable Attempt other = newest.putIfAbsent(name, mine);
            if (other == null) {
                return mine;
            }
            if (other.number >= number) {
                throw new BatonException(
                        ErrorCode.PROTOCOL_VIOLATION,
                        "attempt " + number + " of the request comes too late: attempt " + other.number
                                + " runs on this worker. A further attempt needs a higher number.");
            }
            if (newest.replace(name, other, mine)) {
                other.onSuperseded.accept(new BatonException(ErrorCode.CANCELLED, "superseded by attempt " + number));
                return mine;
            }
        }
    }

    /** Attempts that run. */
    int running() {
        return newest.size();
    }

    /** One leg's entry. */
    final class Attempt implements AutoCloseable {
        private final Name name;
        private final int number;
        private final Consumer<BatonException> onSuperseded;

        private Attempt(Name name, int number, Consumer<BatonException> onSuperseded) {
            this.name = name;
            this.number = number;
            this.onSuperseded = onSuperseded;
        }

        /** The leg has ended. Idempotent; leaves a newer attempt's entry alone. */
        @Override
        public void close() {
            newest.remove(name, this);
        }
    }
}
