package io.baton.router.run;

import io.baton.decode.v1.DecodeReserve;
import io.baton.inference.v1.Prompt;
import io.baton.prefill.v1.PrefillStart;
import io.baton.router.fleet.Fleet;
import io.baton.router.fleet.KvKind;
import io.baton.router.fleet.Worker;
import io.baton.router.life.Generation;
import io.baton.router.schedule.Candidate;
import io.baton.router.schedule.Pick;
import io.baton.router.schedule.RequestFacts;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * The picks for one request: knows what is known of it, asks the scheduler, and tells why.
 *
 * <p><em>Thread-safety:</em> none; belongs to the request's serial executor.
 */
final class Picks {
    private static final Logger LOG = Logger.getLogger(Picks.class);

    private final Generation generation;
    private final Fleet fleet;
    private final Scheduling scheduling;
    private final Consumer<Pick> told;
    private @Nullable RequestFacts facts;
    private double prefillSeconds;

    /**
     * A worker to open a leg at.
     *
     * @param worker in the fleet
     */
    record Chosen(Worker worker, Pick pick) {
        /** Prompt tokens that it is expected to compute. */
        int newTokens() {
            return pick.promptTokens() - (pick.local() ? pick.decodeCached() : pick.prefillCached());
        }
    }

    Picks(Generation generation, Fleet fleet, Scheduling scheduling, Consumer<Pick> told) {
        this.generation = generation;
        this.fleet = fleet;
        this.scheduling = scheduling;
        this.told = told;
    }

    private RequestFacts facts() {
        RequestFacts known = facts;
        if (known == null) {
            known = scheduling.facts(generation);
            facts = known;
        }
        return known;
    }

    /** The worker that a request, or what is left of it, begins at; null if none takes it. */
    @Nullable
    Chosen start(Prompt prompt, Set<String> excluded) {
        RequestFacts now = facts().accepted(Scheduling.estimate(prompt), facts().maxTokens(), excluded, 0);
        Chosen chosen = choose(() -> scheduling.start(now));
        if (chosen != null) {
            prefillSeconds = chosen.pick.prefillSeconds();
        }
        return chosen;
    }

    /** The worker that generates; null if none takes it. */
    @Nullable
    Chosen decode(KvKind kind, DecodeReserve reserve, Set<String> excluded) {
        int tokens = Math.max(1, reserve.getTokenIds().size() / Integer.BYTES);
        int most = Math.max(1, reserve.getCells() - tokens);
        RequestFacts now = facts().accepted(tokens, most, excluded, prefillSeconds);
        return choose(() -> scheduling.decode(now, kind));
    }

    /** Again if the worker has left the fleet since it was looked at. */
    private @Nullable Chosen choose(Supplier<Optional<Pick>> schedule) {
        while (true) {
            Optional<Pick> pick = schedule.get();
            if (pick.isEmpty()) {
                return null;
            }
            Candidate prefill = pick.get().prefill();
            Candidate first = prefill == null ? pick.get().decode() : prefill;
            Worker worker = fleet.worker(first.address());
            if (worker != null) {
                told.accept(pick.get());
                if (LOG.isDebugEnabled()) {
                    LOG.debugf("request %s: %s", generation.name(), pick.get().reasons());
                }
                return new Chosen(worker, pick.get());
            }
        }
    }

    /** The message with the names of the prompt's pieces. */
    PrefillStart named(PrefillStart start) {
        long[] pieces = facts().pieces();
        if (pieces.length == 0) {
            return start;
        }
        PrefillStart.Builder named = start.toBuilder();
        for (long piece : pieces) {
            named.addPieces(piece);
        }
        return named.build();
    }

    /** The message with the names of the prompt's pieces. */
    DecodeReserve named(DecodeReserve reserve) {
        long[] pieces = facts().pieces();
        if (pieces.length == 0) {
            return reserve;
        }
        DecodeReserve.Builder named = reserve.toBuilder();
        for (long piece : pieces) {
            named.addPieces(piece);
        }
        return named.build();
    }
}
