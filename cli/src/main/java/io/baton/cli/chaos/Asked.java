package io.baton.cli.chaos;

import io.baton.engine.text.TokenIds;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.SamplingParams;
import io.baton.inference.v1.StopParams;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/**
 * Requests and when they come: lengths are lognormal, as in traces of conversations, and arrivals come in bursts.
 *
 * <p><em>Thread-safety:</em> immutable.
 *
 * @param requests different requests, asked again and again
 */
record Asked(List<GenerateRequest> requests) {
    private static final int FIRST_ID = 260;
    private static final int IDS = 250;
    /** Median and spread of lengths in tokens; the ratio of prompt to output is that of a conversation. */
    private static final double PROMPT_MEDIAN = 120;

    private static final double OUTPUT_MEDIAN = 30;
    private static final double SIGMA = 0.8;
    private static final int MAX_PROMPT = 700;
    private static final int MAX_OUTPUT = 120;
    /** Part of the arrivals that come in a burst, and how much faster they come there. */
    private static final double IN_BURSTS = 0.5;

    private static final double BURST_SPEED = 6;

    /** Half of the requests are greedy, half drawn with a seed; half of each have penalties. */
    static Asked of(int different, long seed) {
        Random random = new Random(seed);
        List<GenerateRequest> requests = new ArrayList<>();
        for (int i = 0; i < different; i++) {
            int[] ids = new int[length(random, PROMPT_MEDIAN, MAX_PROMPT)];
            for (int k = 0; k < ids.length; k++) {
                ids[k] = FIRST_ID + random.nextInt(IDS);
            }
            SamplingParams.Builder sampling = SamplingParams.newBuilder().setTemperature(0);
            if (i % 2 == 1) {
                sampling.setTemperature(0.9f).setTopP(0.95f).setSeed(random.nextInt(1_000_000));
            }
            if (i % 4 >= 2) {
                sampling.setRepetitionPenalty(1.1f).setFrequencyPenalty(0.1f);
            }
            requests.add(GenerateRequest.newBuilder()
                    .setPrompt(Prompt.newBuilder().setTokenIds(TokenIds.encode(ids)))
                    .setSampling(sampling)
                    .setStop(StopParams.newBuilder()
                            .setMaxTokens(length(random, OUTPUT_MEDIAN, MAX_OUTPUT))
                            .setIgnoreEos(true))
                    .build());
        }
        return new Asked(List.copyOf(requests));
    }

    private static int length(Random random, double median, int most) {
        return Math.clamp(Math.round(median * Math.exp(SIGMA * random.nextGaussian())), 2, most);
    }

    /** The time to the next arrival, in ns, at a mean rate per second. */
    static long gapNanos(Random random, double rate) {
        // Exponential, with one of two rates whose mixture has the mean wanted.
        double mean = 1e9 / rate;
        double scale = random.nextDouble() < IN_BURSTS ? mean / BURST_SPEED : mean * (2 - 1 / BURST_SPEED);
        return (long) (-Math.log(1 - random.nextDouble()) * scale);
    }
}
