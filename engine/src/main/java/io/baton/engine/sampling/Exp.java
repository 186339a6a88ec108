package io.baton.engine.sampling;

/**
 * e^x for x ≤ 0.
 *
 * <p>{@link Math#exp} may differ in its last bit between the JVM's intrinsic and a native image, and {@link
 * StrictMath#exp} is too slow for 128k values per token; this one is plain IEEE arithmetic, which is the same everywhere
 * and which the compiler turns into vector code. Relative error below 1e-15.
 *
 * <p>x = k·ln 2 + r with |r| ≤ ln 2 / 2; e^r is its Taylor series to r^13, whose remainder is below 0.35^14 / 14! = 5e-18.
 */
final class Exp {
    private static final double LOG2_E = 1.4426950408889634;
    /** ln 2 in two parts; the first has 32 zero bits at its end, so that k times it is exact. */
    private static final double LN2_HIGH = 0.6931471803691238;

    private static final double LN2_LOW = 1.9082149292705877e-10;
    /** Below it the result is subnormal; it is taken as 0. */
    private static final double LOWEST = -708.0;

    private Exp() {}

    /** e^x; x at most 0, −∞ allowed; 0 below −708. */
    static double nonPositive(double x) {
        double clamped = Math.max(x, LOWEST);
        double k = Math.rint(clamped * LOG2_E);
        double r = (clamped - k * LN2_HIGH) - k * LN2_LOW;
        double p = 1.0 / 6227020800.0;
        p = p * r + 1.0 / 479001600.0;
        p = p * r + 1.0 / 39916800.0;
        p = p * r + 1.0 / 3628800.0;
        p = p * r + 1.0 / 362880.0;
        p = p * r + 1.0 / 40320.0;
        p = p * r + 1.0 / 5040.0;
        p = p * r + 1.0 / 720.0;
        p = p * r + 1.0 / 120.0;
        p = p * r + 1.0 / 24.0;
        p = p * r + 1.0 / 6.0;
        p = p * r + 0.5;
        p = p * r + 1.0;
        p = p * r + 1.0;
        double scale = Double.longBitsToDouble(((long) k + 1023L) << 52);
        return x < LOWEST ? 0.0 : p * scale;
    }
}
