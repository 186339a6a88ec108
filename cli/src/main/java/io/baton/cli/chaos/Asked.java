package io.baton.cli.chaos;

import io.baton.engine.text.TokenIds;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.SamplingParams;
import io.baton.inference.v1.StopParams;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.ToIntFunction;

/**
 * What is asked: half of the requests are greedy, half drawn with a seed; half of each have penalties.
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
    static final int MAX_PROMPT = 700;
    static final int MAX_OUTPUT = 120;

    /** Lengths are lognormal, as in traces of conversations. */
    static Asked of(int different, long seed) {
        Random random = new Random(seed);
        List<GenerateRequest> requests = new ArrayList<>();
        for (int i = 0; i < different; i++) {
            int[] ids = new int[length(random, PROMPT_MEDIAN, MAX_PROMPT)];
            fill(ids, 0, ids.length, random);
            requests.add(request(i, ids, length(random, OUTPUT_MEDIAN, MAX_OUTPUT), random));
        }
        return new Asked(List.copyOf(requests));
    }

    /**
     * Lengths of the first requests of a trace, all made shorter or longer by the same factors, so that the medians are those
     * above; prompts that begin alike there begin alike here.
     */
    static Asked of(Trace trace, int different, long seed) {
        List<Trace.Line> lines =
                trace.lines().subList(0, Math.min(different, trace.lines().size()));
        double prompt = PROMPT_MEDIAN / median(lines, Trace.Line::input);
        double output = OUTPUT_MEDIAN / median(lines, Trace.Line::output);
        int block = (int) Math.max(1, Math.round(Trace.BLOCK * prompt));
        List<GenerateRequest> requests = new ArrayList<>();
        for (int i = 0; i < lines.size(); i++) {
            Trace.Line line = lines.get(i);
            int[] ids = new int[scaled(line.input(), prompt, MAX_PROMPT)];
            Random own = new Random(seed + i);
            for (int begin = 0, b = 0; begin < ids.length; begin += block, b++) {
                boolean named = b < line.blocks().size();
                Random random = named ? new Random(seed ^ (line.blocks().get(b) * 0x9E3779B97F4A7C15L)) : own;
                fill(ids, begin, Math.min(ids.length, begin + block), random);
            }
            requests.add(request(i, ids, scaled(line.output(), output, MAX_OUTPUT), own));
        }
        return new Asked(List.copyOf(requests));
    }

    private static GenerateRequest request(int number, int[] ids, int tokens, Random random) {
        SamplingParams.Builder sampling = SamplingParams.newBuilder().setTemperature(0);
        if (number % 2 == 1) {
            sampling.setTemperature(0.9f).setTopP(0.95f).setSeed(random.nextInt(1_000_000));
        }
        if (number % 4 >= 2) {
            sampling.setRepetitionPenalty(1.1f).setFrequencyPenalty(0.1f);
        }
        return GenerateRequest.newBuilder()
                .setPrompt(Prompt.newBuilder().setTokenIds(TokenIds.encode(ids)))
                .setSampling(sampling)
                .setStop(StopParams.newBuilder().setMaxTokens(tokens).setIgnoreEos(true))
                .build();
    }

    private static void fill(int[] ids, int begin, int end, Random random) {
        for (int k = begin; k < end; k++) {
            ids[k] = FIRST_ID + random.nextInt(IDS);
        }
    }

    private static int length(Random random, double median, int most) {
        return Math.clamp(Math.round(median * Math.exp(SIGMA * random.nextGaussian())), 2, most);
    }

    private static int scaled(int length, double factor, int most) {
        return Math.clamp(Math.round(length * factor), 2, most);
    }

    private static double median(List<Trace.Line> lines, ToIntFunction<Trace.Line> length) {
        int[] sorted = lines.stream().mapToInt(length).sorted().toArray();
        return sorted[sorted.length / 2];
    }
}
