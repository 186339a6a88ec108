package io.baton.worker;

/**
 * A line y = a + b·x through measurements, by least squares, in which each measurement counts less by a factor with every one
 * that follows. a and b are not negative. Measurements at one x alone do not tell a from b: then either is taken for 0.
 *
 * <p><em>Thread-safety:</em> none; guarded by its owner.
 */
final class LinearFit {
    private final double decay;
    private final boolean proportional;
    private double weight;
    private double sumX;
    private double sumY;
    private double sumXx;
    private double sumXy;

    /**
     * A line through nothing yet.
     *
     * @param decay what is left of a measurement's weight after the next one, in (0, 1)
     * @param proportional whether what cannot be told apart is put to the slope; else to the constant
     */
    LinearFit(double decay, boolean proportional) {
        this.decay = decay;
        this.proportional = proportional;
    }

    /** One more measurement; both finite and at least 0. */
    void add(double x, double y) {
        weight = weight * decay + 1;
        sumX = sumX * decay + x;
        sumY = sumY * decay + y;
        sumXx = sumXx * decay + x * x;
        sumXy = sumXy * decay + x * y;
    }

    /** The constant; 0 before anything was measured. */
    double constant() {
        return weight == 0 ? 0 : Math.max(0, (sumY - slope() * sumX) / weight);
    }

    /** The slope; 0 before anything was measured. */
    double slope() {
        if (weight == 0) {
            return 0;
        }
        double variance = sumXx * weight - sumX * sumX;
        if (variance > 1e-3 * sumXx * weight) {
            double slope = (sumXy * weight - sumX * sumY) / variance;
            double constant = (sumY - slope * sumX) / weight;
            if (slope >= 0 && constant >= 0) {
                return slope;
            }
            // One of them is 0, and the line goes through the origin or is flat.
            return slope < 0 ? 0 : sumXx == 0 ? 0 : sumXy / sumXx;
        }
        return proportional && sumX > 0 ? sumY / sumX : 0;
    }
}
