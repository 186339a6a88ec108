package io.baton.cli.bench.goodput;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * Requests of a made-up shape, for machines without a trace: conversations of several turns, each with the whole of what
 * was said before as its prompt, that begin in bursts. Lengths are log-normal.
 */
final class SyntheticTrace {
    private static final int SYSTEM_TOKENS = TraceRequest.BLOCK_TOKENS;
    private static final int LONGEST_PROMPT = 60_000;
    private static final int LONGEST_OUTPUT = 2000;
    /** Of conversations per second: a burst, and between bursts. */
    private static final double BURST = 3;

    private static final double CALM = 0.4;
    private static final double PHASE_SECONDS = 20;

    private final RandomGenerator random;
    private long nextId = 1;

    private SyntheticTrace(long seed) {
        random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
    }

    /** At least {@code count} requests in order of time; the same for the same seed. */
    static List<TraceRequest> make(int count, long seed) {
        return new SyntheticTrace(seed).requests(count);
    }

    private List<TraceRequest> requests(int count) {
        List<TraceRequest> requests = new ArrayList<>();
        double now = 0;
        while (requests.size() < count) {
            boolean burst = (long) (now / PHASE_SECONDS) % 3 == 0;
            now += random.nextExponential() / (burst ? BURST : CALM);
            conversation(now, requests);
        }
        requests.sort(Comparator.comparingDouble(TraceRequest::seconds));
        return requests;
    }

    private void conversation(double begin, List<TraceRequest> requests) {
        long[] known = {0};
        int tokens = SYSTEM_TOKENS;
        double now = begin;
        int turns = 1 + (int) Math.min(8, random.nextExponential() * 2);
        for (int turn = 0; turn < turns; turn++) {
            int before = tokens / TraceRequest.BLOCK_TOKENS;
            tokens += logNormal(turn == 0 ? 3500 : 700, 1.1);
            if (tokens > LONGEST_PROMPT) {
                return;
            }
            int output = Math.min(LONGEST_OUTPUT, logNormal(220, 0.9));
            known = grown(known, before, Math.ceilDiv(tokens, TraceRequest.BLOCK_TOKENS));
            requests.add(new TraceRequest(now, tokens, output, known));
            tokens += output;
            now += 15 + random.nextExponential() * 45;
        }
    }

    /** The whole blocks stay as they were; those after them are new. */
    private long[] grown(long[] known, int whole, int count) {
        long[] blocks = Arrays.copyOf(known, count);
        for (int i = Math.min(whole, known.length); i < count; i++) {
            blocks[i] = nextId++;
        }
        return blocks;
    }

    private int logNormal(double median, double sigma) {
        return 1 + (int) (median * Math.exp(sigma * random.nextGaussian()));
    }
}
