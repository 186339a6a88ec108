package io.baton.cli.bench;

import io.baton.cli.launch.LaunchException;
import io.baton.engine.text.TokenIds;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.GenerateResponse;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.SamplingParams;
import io.baton.inference.v1.StopParams;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/** Asks for tokens without chance, one request after the other. Thread-safe. */
final class GreedyClient implements AutoCloseable {
    private static final long PATIENCE_SECONDS = 300;
    private static final List<String> NAMES = List.of("Ruby", "Pip", "Ann", "Tom", "Glospo", "Mira", "Otto", "Zed");
    private static final List<String> ANIMALS = List.of("fox", "owl", "pony", "cat", "hen");
    private static final List<String> THINGS = List.of("lantern", "key", "kite");

    private final ManagedChannel channel;

    GreedyClient(String address) {
        channel = NettyChannelBuilder.forTarget(address).usePlaintext().build();
    }

    /** The beginning of a story, of which there are 120. */
    static String story(int number) {
        return "Once upon a time "
                + (number % 2 == 0 ? "a " : "there was a ")
                + ANIMALS.get(number / NAMES.size() % ANIMALS.size())
                + " called " + NAMES.get(number % NAMES.size()) + " and a "
                + THINGS.get(number / (NAMES.size() * ANIMALS.size()) % THINGS.size()) + ".";
    }

    int[] text(String prompt, int tokens) {
        return ask(Prompt.newBuilder().setText(prompt), tokens);
    }

    int[] ids(int[] prompt, int tokens) {
        return ask(Prompt.newBuilder().setTokenIds(TokenIds.encode(prompt)), tokens);
    }

    /** The tokens, exactly so many; end of text does not end it. */
    private int[] ask(Prompt.Builder prompt, int tokens) {
        GenerateRequest request = GenerateRequest.newBuilder()
                .setPrompt(prompt)
                .setSampling(SamplingParams.newBuilder().setTemperature(0))
                .setStop(StopParams.newBuilder().setMaxTokens(tokens).setIgnoreEos(true))
                .build();
        IntStream.Builder ids = IntStream.builder();
        try {
            Iterator<GenerateResponse> events = InferenceServiceGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(PATIENCE_SECONDS, TimeUnit.SECONDS)
                    .generate(request);
            while (events.hasNext()) {
                GenerateResponse event = events.next();
                if (event.hasOutput()) {
                    for (int id :
                            TokenIds.decode(event.getOutput().getTokenIds(), Integer.MAX_VALUE, "output.token_ids")) {
                        ids.add(id);
                    }
                }
            }
        } catch (StatusRuntimeException e) {
            throw new LaunchException("a request failed: " + e.getStatus(), e);
        }
        int[] all = ids.build().toArray();
        if (all.length != tokens) {
            throw new LaunchException(all.length + " tokens came instead of " + tokens);
        }
        return all;
    }

    @Override
    public void close() {
        channel.shutdownNow();
    }
}
