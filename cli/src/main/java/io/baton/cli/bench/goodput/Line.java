package io.baton.cli.bench.goodput;

import java.util.Map;

/**
 * A straight line through points, by least squares of the relative error: what is short counts as much as what is long.
 *
 * @param base value at 0
 * @param slope per unit
 */
record Line(double base, double slope) {
    /**
     * Through at least two points with values over 0. Neither base nor slope is below 0: a time is none.
     *
     * @throws IllegalArgumentException if there are fewer points
     */
    static Line through(Map<Integer, Double> points) {
        if (points.size() < 2) {
            throw new IllegalArgumentException("a line through " + points.size() + " points");
        }
        double w = 0;
        double wx = 0;
        double wy = 0;
        double wxx = 0;
        double wxy = 0;
        for (Map.Entry<Integer, Double> point : points.entrySet()) {
            double x = point.getKey();
            double y = point.getValue();
            double weight = 1 / (y * y);
            w += weight;
            wx += weight * x;
            wy += weight * y;
            wxx += weight * x * x;
            wxy += weight * x * y;
        }
        double slope = (w * wxy - wx * wy) / (w * wxx - wx * wx);
        double base = (wy - slope * wx) / w;
        if (base < 0) {
            return new Line(0, wxy / wxx);
        }
        return slope < 0 ? new Line(wy / w, 0) : new Line(base, slope);
    }

    double at(double x) {
        return base + slope * x;
    }
}
