package io.baton.cli.bench.goodput;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * A polynomial through points, by least squares of the relative error: what is short counts as much as what is long. No
 * coefficient is below 0: each is the time that something takes.
 *
 * @param coefficients of 1, x, x² and so on
 */
record Curve(List<Double> coefficients) {
    /** Copies the list. */
    Curve {
        coefficients = List.copyOf(coefficients);
    }

    /**
     * The best one of a degree, through points with values over 0.
     *
     * @throws IllegalArgumentException if there are not more points than the degree
     */
    static Curve through(Map<Integer, Double> points, int degree) {
        if (points.size() <= degree) {
            throw new IllegalArgumentException("a curve of degree " + degree + " through " + points.size() + " points");
        }
        double[] best = new double[degree + 1];
        double least = Double.POSITIVE_INFINITY;
        // With so few coefficients all choices of those that are not 0 can be tried.
        for (int choice = 1; choice < 1 << (degree + 1); choice++) {
            double[] found = Arrays.copyOf(solve(points, powers(choice)), degree + 1);
            double error = error(points, found);
            if (Arrays.stream(found).allMatch(c -> c >= 0) && error < least) {
                least = error;
                best = found;
            }
        }
        return new Curve(Arrays.stream(best).boxed().toList());
    }

    double of(int power) {
        return coefficients.get(power);
    }

    double at(double x) {
        double y = 0;
        for (int i = coefficients.size() - 1; i >= 0; i--) {
            y = y * x + coefficients.get(i);
        }
        return y;
    }

    private static List<Integer> powers(int choice) {
        List<Integer> powers = new ArrayList<>();
        for (int p = 0; 1 << p <= choice; p++) {
            if ((choice & 1 << p) != 0) {
                powers.add(p);
            }
        }
        return powers;
    }

    /** Normal equations of the chosen powers, by Gauss and Jordan with pivots; coefficients of all powers up to the highest. */
    private static double[] solve(Map<Integer, Double> points, List<Integer> powers) {
        int n = powers.size();
        double[][] m = new double[n][n + 1];
        for (Map.Entry<Integer, Double> point : points.entrySet()) {
            double y = point.getValue();
            for (int i = 0; i < n; i++) {
                double left = Math.pow(point.getKey(), powers.get(i)) / y;
                for (int j = 0; j < n; j++) {
                    m[i][j] += left * Math.pow(point.getKey(), powers.get(j)) / y;
                }
                m[i][n] += left;
            }
        }
        for (int column = 0; column < n; column++) {
            int pivot = column;
            for (int row = column + 1; row < n; row++) {
                pivot = Math.abs(m[row][column]) > Math.abs(m[pivot][column]) ? row : pivot;
            }
            double[] swap = m[column];
            m[column] = m[pivot];
            m[pivot] = swap;
            for (int row = 0; row < n; row++) {
                double factor = row == column ? 0 : m[row][column] / m[column][column];
                for (int k = column; k <= n; k++) {
                    m[row][k] -= factor * m[column][k];
                }
            }
        }
        double[] all = new double[powers.getLast() + 1];
        for (int i = 0; i < n; i++) {
            all[powers.get(i)] = m[i][n] / m[i][i];
        }
        return all;
    }

    private static double error(Map<Integer, Double> points, double[] coefficients) {
        Curve curve = new Curve(Arrays.stream(coefficients).boxed().toList());
        return points.entrySet().stream()
                .mapToDouble(p -> Math.pow(curve.at(p.getKey()) / p.getValue() - 1, 2))
                .sum();
    }
}
