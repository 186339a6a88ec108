package io.baton.router.schedule;

/**
 * The expected time to the request's end. A cached token costs no computing, or no transfer; a target that is missed costs
 * more than any queue.
 *
 * <p><em>Thread-safety:</em> none; belongs to one pick.
 */
final class ExpectedTime implements WorkerScorer {
    private static final double TOLERANCE = 0.02;

    private final Estimator estimator;
    private Slo slo = new Slo(1, 1);

    ExpectedTime(Estimator estimator) {
        this.estimator = estimator;
    }

    void targets(Slo targets) {
        slo = targets;
    }

    @Override
    public double prefill(Situation s) {
        return Estimator.firstToken(estimator.wait(s) + estimator.compute(s), slo);
    }

    @Override
    public double decode(Situation s) {
        return estimator.transferTail(s) + estimator.generation(s, slo);
    }

    /** Estimates are no better than this, and equals are taken in turn. */
    @Override
    public double tolerance() {
        return TOLERANCE;
    }
}
