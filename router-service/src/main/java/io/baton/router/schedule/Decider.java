package io.baton.router.schedule;

import org.jspecify.annotations.Nullable;

/**
 * Decides whether a prompt is computed by a prefill worker or by the decode worker itself. The two ways are compared by the
 * request's own expected time, plus, for decode, the time by which its streams are held up meanwhile: all of them stand still,
 * or crawl beside the prompt's chunks, for as long as it computes.
 */
record Decider(ScheduleSettings settings, Slo slo) {
    /**
     * The way that costs less; null if there is none. A long prompt goes to prefill as long as that keeps the target for TTFT,
     * whatever the costs: while it computes, streams may come that are held up then.
     *
     * @param split with a prefill worker; null if there is none, or none is to be used
     * @param local without; null likewise
     * @param measured whether it is known how long prompts take; while it is not, a prefill worker is used
     */
    @Nullable
    Pick decide(@Nullable Pick split, @Nullable Pick local, boolean measured) {
        if (split == null || local == null) {
            return split == null ? local : split;
        }
        double handedOver = split.cost() + settings.handOverSeconds();
        return measured && mayBeLocal(split, local) && local.cost() < handedOver
                ? with(local, local.cost(), handedOver)
                : with(split, handedOver, local.cost());
    }

    private boolean mayBeLocal(Pick split, Pick local) {
        return local.promptTokens() - local.decodeCached() <= settings.localTokens() || split.ttft() > slo.ttft();
    }

    private static Pick with(Pick p, double cost, double otherWay) {
        return new Pick(
                p.policy(),
                p.prefill(),
                p.decode(),
                p.local(),
                p.promptTokens(),
                p.prefillCached(),
                p.decodeCached(),
                p.ttft(),
                p.itl(),
                p.prefillSeconds(),
                cost,
                otherWay);
    }

    /** Time to the first token where decode computes the prompt: what is before it, the prompt, and a step. */
    static double localFirstToken(Estimator e, Situation s) {
        return e.wait(s) + e.compute(s) + e.step(s);
    }

    /** What it costs, seen from the fleet. */
    static double localCost(Estimator e, Situation s, Slo slo) {
        // Without room nothing is computed here, where a prefill worker would at least begin.
        double late = s.hasRoom() ? 0 : Estimator.FULL;
        return Estimator.firstToken(localFirstToken(e, s), slo) + late + e.generation(s, slo) + heldUp(e, s, slo);
    }

    /**
     * What it costs the worker's other requests, those that wait for room included: the time, and what their targets are
     * missed by for it. They are taken to be as long as this one.
     */
    private static double heldUp(Estimator e, Situation s, Slo slo) {
        double compute = e.compute(s);
        double step = e.step(s);
        double slowed = step + compute / Math.max(1, s.outputTokens);
        return s.legs() * (compute + Estimator.miss(slowed, slo.itl()) - Estimator.miss(step, slo.itl()));
    }
}
