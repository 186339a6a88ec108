package io.baton.cli.bench;

import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Flow;
import java.util.concurrent.atomic.LongAdder;

/** Asks a router over HTTP/1.1: POST /v1/completions with a JSON body, answered with server-sent events. */
final class HttpRouterClient implements RouterClient {
    /** Text of every token of {@link SimulatedFleet#token}; the events around them have none. */
    private static final String TOKEN = "\"text\":\"t";

    private final HttpClient http =
            HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).build();
    private final URI uri;
    private final LongAdder tokens = new LongAdder();
    private final TextPrompts prompts;

    HttpRouterClient(String address, TextPrompts prompts) {
        this.uri = URI.create(address + "/v1/completions");
        this.prompts = prompts;
    }

    @Override
    public CompletableFuture<Answer> ask(int promptTokens, int outputTokens) {
        // The prompt has letters, digits and spaces only, so it needs no escapes.
        String body = "{\"model\":\"" + SimulatedFleet.MODEL + "\",\"stream\":true,\"ignore_eos\":true,\"max_tokens\":"
                + outputTokens + ",\"prompt\":\"" + prompts.next(promptTokens) + "\"}";
        HttpRequest request = HttpRequest.newBuilder(uri)
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString(body))
                .build();
        Events events = new Events(tokens);
        return http.sendAsync(request, HttpResponse.BodyHandlers.fromLineSubscriber(events, Events::answer, null))
                .thenApply(response -> {
                    if (response.statusCode() != 200) {
                        throw new IllegalStateException("HTTP " + response.statusCode());
                    }
                    return response.body();
                });
    }

    @Override
    public long tokens() {
        return tokens.sum();
    }

    @Override
    public void close() {
        http.shutdownNow();
        http.close();
    }

    private static final class Events implements Flow.Subscriber<String> {
        private final LongAdder all;
        private long first;
        private int tokens;

        Events(LongAdder all) {
            this.all = all;
        }

        @Override
        public void onSubscribe(Flow.Subscription subscription) {
            subscription.request(Long.MAX_VALUE);
        }

        @Override
        public void onNext(String line) {
            if (line.contains(TOKEN)) {
                if (tokens == 0) {
                    first = System.nanoTime();
                }
                tokens++;
                all.increment();
            }
        }

        @Override
        public void onError(Throwable t) {
            // The future of the call fails with it too.
        }

        @Override
        public void onComplete() {
            // The call's own future says so.
        }

        Answer answer() {
            return new Answer(first, tokens);
        }
    }
}
