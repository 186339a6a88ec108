package io.baton.router.life;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.StopParams;
import io.baton.prefill.v1.PrefillFinished;
import io.baton.prefill.v1.PrefillStart;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * What a request keeps through all its states: what was asked, the attempt, and what was tried before.
 *
 * @param attempt number of the pair of legs, from 1; both legs of a pair carry the same one
 * @param lastLeg number of the leg opened last
 * @param retries how many more legs may be opened after a failure
 * @param excluded addresses of the workers that failed this request
 * @param startedTold whether the client knows that the request was accepted
 * @param lastError why the last leg failed; null while none has
 * @param resume the stream that the attempt continues; null while nothing was sent
 */
record Trail(
        Generation generation,
        Limits limits,
        int attempt,
        int lastLeg,
        int retries,
        Set<String> excluded,
        boolean startedTold,
        @Nullable BatonException lastError,
        @Nullable Resume resume) {

    static Trail of(Generation generation, Limits limits) {
        return new Trail(generation, limits, 0, 0, limits.retryBudget(), Set.of(), false, null, null);
    }

    /** What the client had been sent when this attempt began. */
    Progress progress() {
        Resume r = resume;
        return r == null ? Progress.NONE : r.progress();
    }

    /** The first or the next attempt: a new leg for the prompt, or a pair of legs of which it is the first. */
    Step attempt(List<Action> before) {
        Trail next = new Trail(
                generation, limits, attempt + 1, lastLeg + 1, retries, excluded, startedTold, lastError, resume);
        List<Action> actions = new ArrayList<>(before);
        actions.add(new Action.OpenPrefill(next.lastLeg, next.prefillStart(), excluded));
        return new Step(new Starting(next, next.lastLeg), actions);
    }

    /** A new attempt if the failure allows it, else the end. {@code before} releases what is left of the old attempt. */
    Step retryOrFail(Event.LegFailed failure, Action... before) {
        return mayRetry(failure) ? without(failure).attempt(List.of(before)) : waitOrFail(failure, before);
    }

    /**
     * Likewise, but every worker may be asked again, after a wait: what failed was the hand-over between them, and a network
     * that has failed once may need a moment. The waits grow twice as fast as those for a place, since each costs a retry, and
     * all of them together are to outlast a link that is down for a second or two.
     */
    Step retryAnywhereOrFail(Event.LegFailed failure, Action... before) {
        if (retries < 1 || !mayRetry(failure)) {
            return waitOrFail(failure, before);
        }
        List<Action> actions = new ArrayList<>(List.of(before));
        actions.add(new Action.AwaitWorkers(2 * (limits.retryBudget() - retries)));
        return new Step(new Recovering(after(failure, excluded, retries - 1)), actions);
    }

    /**
     * The end; but a stream that only lacks a place waits for one, and then every worker may be asked again. So it is with a
     * request that nobody but workers that it lost is left for: they may be well by now, and lost is not refused.
     */
    Step waitOrFail(Event.LegFailed failure, Action... before) {
        if (!Retry.lacksPlace(failure.error().code())) {
            return Ended.failed(verdict(failure.error()), before);
        }
        Resume r = resume;
        if (r != null) {
            return r.waits() < limits.recoveryWaits()
                    ? await(retries, r.waited(), r.waits(), before)
                    : Ended.failed(verdict(failure.error()), before);
        }
        BatonException earlier = lastError;
        boolean lost = earlier != null && earlier.code() == ErrorCode.WORKER_LOST;
        return lost && failure.worker().isEmpty() && !excluded.isEmpty() && retries > 0
                ? await(retries - 1, null, limits.retryBudget() - retries, before)
                : Ended.failed(verdict(failure.error()), before);
    }

    private Step await(int left, @Nullable Resume next, int waits, Action... before) {
        List<Action> actions = new ArrayList<>(List.of(before));
        actions.add(new Action.AwaitWorkers(waits));
        return new Step(
                new Recovering(
                        new Trail(generation, limits, attempt, lastLeg, left, Set.of(), startedTold, lastError, next)),
                actions);
    }

    /**
     * The stream goes on with other workers, if the failure allows it.
     *
     * @param accepted the prompt, as the attempt that fails accepted it
     * @param progress what the client has been sent
     * @param report prefill's report, if it came
     */
    Step resumeOrFail(
            Event.LegFailed failure,
            Accepted accepted,
            Progress progress,
            @Nullable PrefillFinished report,
            Action... before) {
        if (accepted.nixl() && !Continuable.byOthers(generation.request(), progress)) {
            return Ended.failed(failure.error(), before);
        }
        if (progress.tokens() >= accepted.maxTokens()
                && Retry.elsewhere(failure.error().code())) {
            return Ended.complete(accepted, progress, report, before);
        }
        Resume old = resume;
        Trail next = new Trail(
                generation,
                limits,
                attempt,
                lastLeg,
                retries,
                excluded,
                startedTold,
                lastError,
                new Resume(
                        accepted.prompt(),
                        accepted.maxTokens(),
                        progress,
                        old == null ? report : old.report(),
                        old == null ? 0 : old.waits()));
        return Retry.handOverFailed(failure.error().code())
                ? next.retryAnywhereOrFail(failure, before)
                : next.retryOrFail(failure, before);
    }

    /** Prefill's report for the client: that of the attempt that computed the prompt. */
    @Nullable
    PrefillFinished firstReport(@Nullable PrefillFinished ofThisAttempt) {
        Resume r = resume;
        return r == null || r.report() == null ? ofThisAttempt : r.report();
    }

    boolean mayRetry(Event.LegFailed failure) {
        return (retries > 0 || isFree(failure))
                && !failure.worker().isEmpty()
                && Retry.elsewhere(failure.error().code());
    }

    /**
     * Whether it costs no retry. A worker that drains has done nothing for the request and is not asked again, so there are no
     * more of these than workers; and scaling in may drain more workers at once than the budget has retries.
     */
    private static boolean isFree(Event.LegFailed failure) {
        return failure.error().code() == ErrorCode.DRAINING;
    }

    /** The trail after a failure: mostly one retry fewer, and the worker is not asked again. */
    Trail without(Event.LegFailed failure) {
        Set<String> more = new HashSet<>(excluded);
        more.add(failure.worker());
        return after(failure, Set.copyOf(more), isFree(failure) ? retries : retries - 1);
    }

    private Trail after(Event.LegFailed failure, Set<String> notAgain, int left) {
        return new Trail(generation, limits, attempt, lastLeg, left, notAgain, startedTold, failure.error(), resume);
    }

    Trail nextLeg() {
        return new Trail(generation, limits, attempt, lastLeg + 1, retries, excluded, startedTold, lastError, resume);
    }

    /** For a leg that takes a running stream over; its worker may run a leg of this attempt still. */
    Trail nextAttempt() {
        return new Trail(
                generation, limits, attempt + 1, lastLeg + 1, retries, excluded, startedTold, lastError, resume);
    }

    Trail told() {
        return new Trail(generation, limits, attempt, lastLeg, retries, excluded, true, lastError, resume);
    }

    /** What the client is told: if nobody else was there to try, why the one that was tried failed. */
    BatonException verdict(BatonException error) {
        BatonException earlier = lastError;
        return error.code() == ErrorCode.NO_WORKER && earlier != null ? earlier : error;
    }

    /** The max_tokens that the router asks for, counted from the request's start; the worker's context may allow less. */
    int mostTokens() {
        Resume r = resume;
        StopParams stop = generation.request().getStop();
        return r != null ? r.maxTokens() : stop.hasMaxTokens() ? stop.getMaxTokens() : limits.defaultMaxTokens();
    }

    private PrefillStart prefillStart() {
        GenerateRequest request = generation.request();
        PrefillStart.Builder start = PrefillStart.newBuilder()
                .setRequestId(generation.legName())
                .setAttempt(attempt)
                .setTenant(generation.tenant())
                .setModel(request.getModel())
                .setPrompt(request.getPrompt())
                .setSampling(request.getSampling())
                .setStop(request.getStop().toBuilder().setMaxTokens(mostTokens()));
        if (request.hasTopLogprobs()) {
            start.setTopLogprobs(request.getTopLogprobs());
        }
        Resume r = resume;
        if (r != null) {
            start.setPrompt(Prompt.newBuilder().setTokenIds(r.tokenIds())).setContinuation(r.continuation());
        }
        return start.build();
    }
}
