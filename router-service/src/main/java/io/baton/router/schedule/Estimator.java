package io.baton.router.schedule;

import io.baton.worker.v1.WorkerRole;

/**
 * Expected times, in seconds, from what workers measured of themselves: a prompt takes a + b·n, a step c + d·batch, a
 * transfer bytes ÷ rate. Of a worker that has measured nothing yet the mean of those that have is assumed.
 *
 * <p><em>Thread-safety:</em> none; belongs to one pick.
 */
final class Estimator {
    /** Assumed where no worker has measured anything: a small model on a CPU. Only ratios matter then. */
    private static final Rates PRIOR = new Rates(0.01, 0.0005, 0.02, 0.001, 1e9);
    /** Weight of missing a target, in seconds per multiple of it: more than any queue. */
    private static final double MISS = 1000;
    /** A worker without room refuses, and costs a leg. */
    static final double FULL = 10_000;

    private double prefillBase;
    private double prefillToken;
    private double stepBase;
    private double stepSequence;
    private double pullBytes;
    private boolean prefillKnown;

    /** Takes the means over the fleet. */
    void learn(FleetView fleet) {
        double base = 0;
        double token = 0;
        double step = 0;
        double sequence = 0;
        double pull = 0;
        double ownBase = 0;
        double ownToken = 0;
        int prefills = 0;
        int own = 0;
        int steps = 0;
        int pulls = 0;
        for (int i = 0, n = fleet.size(); i < n; i++) {
            Candidate c = fleet.get(i);
            Rates r = c.rates();
            if (c.role() == WorkerRole.WORKER_ROLE_PREFILL && r.knowsPrefill()) {
                base += r.prefillBase();
                token += r.prefillToken();
                prefills++;
            } else if (r.knowsPrefill()) {
                ownBase += r.prefillBase();
                ownToken += r.prefillToken();
                own++;
            }
            if (r.knowsStep()) {
                step += r.stepBase();
                sequence += r.stepSequence();
                steps++;
            }
            if (r.pullBytes() > 0) {
                pull += r.pullBytes();
                pulls++;
            }
        }
        prefillKnown = prefills > 0;
        // Decode workers compute beside their streams: what they measured counts only where prefill workers have not.
        prefillBase = prefills > 0 ? base / prefills : own > 0 ? ownBase / own : PRIOR.prefillBase();
        prefillToken = prefills > 0 ? token / prefills : own > 0 ? ownToken / own : PRIOR.prefillToken();
        stepBase = steps == 0 ? PRIOR.stepBase() : step / steps;
        stepSequence = steps == 0 ? PRIOR.stepSequence() : sequence / steps;
        pullBytes = pulls == 0 ? PRIOR.pullBytes() : pull / pulls;
    }

    /** Whether any prefill worker has measured how long prompts take. */
    boolean knowsPrefill() {
        return prefillKnown;
    }

    private double base(Rates r) {
        return r.knowsPrefill() ? r.prefillBase() : prefillBase;
    }

    private double token(Rates r) {
        return r.knowsPrefill() ? r.prefillToken() : prefillToken;
    }

    /** What is before the prompt at the worker. */
    double wait(Situation s) {
        Rates r = s.worker.rates();
        return s.tokensBefore() * token(r)
                + (s.tokensBefore() > 0 ? (s.worker.waiting() + s.pendingLegs) * base(r) : 0);
    }

    /** The prompt itself, as far as it is not cached. */
    double compute(Situation s) {
        Rates r = s.worker.rates();
        return base(r) + s.uncachedTokens() * token(r);
    }

    /** One step with this request in the batch. */
    double step(Situation s) {
        Rates r = s.worker.rates();
        int batch = s.legs() + 1;
        return r.knowsStep() ? r.stepBase() + r.stepSequence() * batch : stepBase + stepSequence * batch;
    }

    /** What is left of the transfer when the prompt has been computed: blocks travel meanwhile, all but those of the last chunk, taken for one. */
    double transferTail(Situation s) {
        double rate = s.worker.rates().pullBytes() > 0 ? s.worker.rates().pullBytes() : pullBytes;
        double all = (double) s.uncachedTokens() * s.worker.kvTokenBytes() / rate;
        int blockSize = s.worker.kind() == null ? 0 : s.worker.kind().blockSize();
        double last = (double) Math.min(blockSize, s.uncachedTokens()) * s.worker.kvTokenBytes() / rate;
        return Math.max(last, all - s.prefillSeconds);
    }

    /** Time of the output, with what missing the target costs. */
    double generation(Situation s, Slo slo) {
        double step = step(s);
        return s.outputTokens * step + miss(step, slo.itl()) + (s.hasRoom() ? 0 : FULL);
    }

    /** Time to the first token, with what missing the target costs. */
    static double firstToken(double ttft, Slo slo) {
        return ttft + miss(ttft, slo.ttft());
    }

    /** What it costs that a time is longer than its target. */
    static double miss(double time, double target) {
        return time <= target ? 0 : MISS * (time / target - 1);
    }
}
