package io.baton.router.request;

import java.util.concurrent.ThreadLocalRandom;

/**
 * Seeds of sampling.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class Seeds {
    private Seeds() {}

    /** A seed for a request that brought none. */
    public static long draw() {
        return ThreadLocalRandom.current().nextLong();
    }

    /**
     * The seed of one of several choices: the request's own for the first, and a mix of it with the index for the others
     * (the finaliser of SplitMix64), so that equal requests give equal choices and the choices differ.
     */
    public static long derive(long seed, int index) {
        if (index == 0) {
            return seed;
        }
        long z = seed + index * 0x9E3779B97F4A7C15L;
        z = (z ^ (z >>> 30)) * 0xBF58476D1CE4E5B9L;
        z = (z ^ (z >>> 27)) * 0x94D049BB133111EBL;
        return z ^ (z >>> 31);
    }
}
