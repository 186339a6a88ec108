package io.baton.engine.sampling;

/**
 * Random numbers as a function of (seed, counter), so that position n of a stream can be drawn anywhere without drawing
 * the n−1 before it.
 *
 * <p>The mix function is the finaliser of SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number
 * Generators", OOPSLA 2014) with the constants of Stafford's variant 13. The seed is mixed by itself first: without that,
 * two seeds whose difference is a multiple of the increment would give the same stream, shifted.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class CounterRandom {
    /** 2^64 divided by the golden ratio, made odd: the increment of SplitMix64. */
    private static final long INCREMENT = 0x9E3779B97F4A7C15L;

    private CounterRandom() {}

    /** 64 random bits of a seed at a counter. */
    public static long bits(long seed, long counter) {
        return mix(mix(seed + INCREMENT) + (counter + 1) * INCREMENT);
    }

    /** A double in [0, 1), with 53 random bits. */
    public static double uniform(long seed, long counter) {
        return (bits(seed, counter) >>> 11) * 0x1p-53;
    }

    /** The finaliser: a bijection of the 64-bit values. */
    public static long mix(long value) {
        long z = value;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
