package io.baton.cli.bench;

import java.util.concurrent.CompletableFuture;

/** Sends one kind of request to a router, or past it to a worker. Thread-safe. */
interface RouterClient extends AutoCloseable {
    /**
     * What came back.
     *
     * @param firstTokenNanos {@link System#nanoTime} when the first token came
     * @param tokens tokens that came, one per message
     */
    record Answer(long firstTokenNanos, int tokens) {}

    /** Asks for a continuation; fails with what went wrong. */
    CompletableFuture<Answer> ask(int promptTokens, int outputTokens);

    /** Tokens of all answers so far, those under way included. */
    long tokens();

    @Override
    void close();
}
