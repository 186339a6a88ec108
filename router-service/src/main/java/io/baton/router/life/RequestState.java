package io.baton.router.life;

/**
 * Where a request is in its life. A state is a value: {@link #on} says what follows and changes nothing.
 *
 * <pre>
 * Starting → Reserving → Prefilling → HandingOver → Decoding → (Settling →) Ended
 *                                   → AwaitingDecode ↗           ↕        ↖
 *                                                            Relocating → TakingOver
 * </pre>
 *
 * <p>Computing is the way of a prompt that decode computes itself: from Starting, and on to Decoding.
 *
 * <p>AwaitingDecode is the way of engines that exchange KV caches between themselves: there the first token is decode's.
 *
 * <p>Relocating and TakingOver are the way of a stream whose decode worker drains.
 *
 * <p>A failed leg leads back to Starting with a higher attempt, within the retry budget. Once tokens were sent, the new
 * attempt continues the stream from them ({@link Resume}); Recovering is the wait for a worker where there is none.
 *
 * <p><em>Thread-safety:</em> all states are immutable.
 */
public sealed interface RequestState
        permits Starting,
                Computing,
                Reserving,
                Prefilling,
                HandingOver,
                AwaitingDecode,
                Decoding,
                Relocating,
                TakingOver,
                Recovering,
                Settling,
                Ended {
    /** The first step of a request. */
    static Step begin(Generation generation, Limits limits) {
        return Trail.of(generation, limits).attempt(java.util.List.of());
    }

    /** The request waits to be admitted: {@link Event.TryAgain} says that it is. */
    static Step queue(Generation generation, Limits limits) {
        return Step.stay(new Recovering(Trail.of(generation, limits)));
    }

    /** What follows from an event. */
    Step on(Event event);

    /** The leg whose next message moves the request on; 0 if none does. */
    int awaitedLeg();

    /** The coarse phase, for metrics. */
    Phase phase();

    /** Coarse phases of a request. */
    enum Phase {
        /** Waits for a worker. */
        WAITING,
        /** Is computed. */
        RUNNING,
        /** Is over. */
        ENDED
    }
}
