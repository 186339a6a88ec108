package io.baton.router.life;

import io.baton.decode.v1.DecodeReserved;
import io.baton.error.BatonException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Decode drains, and goes on generating while another decode worker is asked for cells, and until the stream has stopped.
 *
 * <p>Without a worker that has room, the stream stays where it is: it may end within the grace, and what does not is broken
 * off and goes on as after any other loss.
 *
 * @param from the stream where it runs
 * @param taker the leg of the worker that was asked
 * @param tried addresses of the workers that cannot take it: the one that drains, and those that refused
 * @param told whether decode was told to hand over
 */
record Relocating(Decoding from, int taker, Set<String> tried, boolean told) implements RequestState {
    static Step begin(Decoding from, String worker) {
        return ask(from, Set.of(worker));
    }

    private static Step ask(Decoding stream, Set<String> tried) {
        Decoding from = stream.nextAttempt();
        Trail trail = from.trail();
        Set<String> excluded = new HashSet<>(trail.excluded());
        excluded.addAll(tried);
        return Step.to(
                new Relocating(from, trail.lastLeg(), tried, false),
                new Action.OpenTaker(
                        trail.lastLeg(), from.accepted().reserveFor(trail, from.computed()), Set.copyOf(excluded)));
    }

    @Override
    public Step on(Event event) {
        return switch (event) {
            case Event.Reserved(int leg, DecodeReserved message) when leg == taker && !told -> reserved(message);
            case Event.LegFailed failure when failure.leg() == taker -> refused(failure);
            case Event.OfLeg other
            when other.leg() == taker -> misbehaved(Violations.unexpected("decode", other, "it had no stream yet"));
            case Event.Draining(int leg, String _) when leg == from.decode() -> Step.stay(this);
            case Event.Stopped(int leg) when leg == from.decode() && told -> TakingOver.begin(from, taker);
            default -> streamOn(event);
        };
    }

    private Step reserved(DecodeReserved message) {
        if (message.getWorkerId().isEmpty()) {
            return misbehaved(Violations.bad("decode", "reserved cells without saying its worker_id"));
        }
        return Step.to(
                new Relocating(from, taker, tried, true),
                new Action.SendHandOver(
                        from.decode(), message.getWorkerId(), from.trail().attempt()));
    }

    /** Another one, as long as there is one; after the order to hand over, the stream is as good as lost. */
    private Step refused(Event.LegFailed failure) {
        if (told) {
            return from.lost(failure, from.decode());
        }
        if (failure.worker().isEmpty()) {
            return Step.stay(from);
        }
        Set<String> more = new HashSet<>(tried);
        more.add(failure.worker());
        return ask(from, Set.copyOf(more));
    }

    private Step misbehaved(BatonException error) {
        return told ? streamOn(new Event.Abort(error)) : Step.to(from, new Action.CancelLeg(taker));
    }

    /** The stream goes on meanwhile; when it ends, nobody is to take it. */
    private Step streamOn(Event event) {
        Step step = from.on(event);
        if (step.next() instanceof Decoding stream) {
            return new Step(new Relocating(stream, taker, tried, told), step.actions());
        }
        List<Action> actions = new ArrayList<>();
        actions.add(new Action.CancelLeg(taker));
        actions.addAll(step.actions());
        return new Step(step.next(), actions);
    }

    @Override
    public int awaitedLeg() {
        return from.decode();
    }

    @Override
    public Phase phase() {
        return Phase.RUNNING;
    }
}
