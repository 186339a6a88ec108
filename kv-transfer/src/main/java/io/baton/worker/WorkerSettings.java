package io.baton.worker;

import static io.baton.worker.SettingException.check;

import io.smallrye.config.WithDefault;
import java.time.Duration;
import java.util.Optional;

/** Settings of a worker as a member of the fleet. Their prefix is {@code baton.worker}. */
public interface WorkerSettings {
    /** Name of the worker, unique in the fleet; its address unless set. */
    Optional<String> id();

    /** host:port at which other workers reach the gRPC server; the address that it is bound to unless set. */
    Optional<String> advertisedAddress();

    /** Legs that may be open at once, waiting or running; a further one is refused with QUEUE_FULL. */
    @WithDefault("512")
    int maxLegs();

    /** Legs that may wait for their first computation; a further one is refused with QUEUE_FULL. */
    @WithDefault("256")
    int maxWaiting();

    /** Threads that tokenise prompts. */
    @WithDefault("2")
    int tokenizeThreads();

    /** A prefill leg that hears no Go for this long after it was accepted is released. */
    @WithDefault("30s")
    Duration goTimeout();

    /** Watch streams that may be open at once; a further one is refused. */
    @WithDefault("64")
    int maxWatchers();

    /** Pieces of prompts (1 KiB each) of which routers are told whether they are in the prefix cache; the oldest are forgotten first. */
    @WithDefault("65536")
    int maxPieces();

    /** Pieces of one prompt that are kept; further ones are left out. */
    @WithDefault("4096")
    int maxRequestPieces();

    /** Changes of the prefix cache that are kept for routers that follow; who is further behind is told everything. */
    @WithDefault("16384")
    int maxPieceChanges();

    /** How long a terminating worker lets its legs finish. */
    @WithDefault("30s")
    Duration drainGrace();

    /** Fails with a {@link SettingException} on the first value out of range. */
    default void validate() {
        id().ifPresent(v ->
                check(!v.isBlank() && v.length() <= 256, "baton.worker.id", v, "must have 1 to 256 characters"));
        advertisedAddress()
                .ifPresent(v -> check(
                        v.matches("\\S+:\\d{1,5}"), "baton.worker.advertised-address", v, "must be written host:port"));
        check(maxLegs() >= 1, "baton.worker.max-legs", maxLegs(), "must be at least 1");
        check(maxWaiting() >= 1, "baton.worker.max-waiting", maxWaiting(), "must be at least 1");
        check(
                tokenizeThreads() >= 1 && tokenizeThreads() <= 256,
                "baton.worker.tokenize-threads",
                tokenizeThreads(),
                "must be in [1, 256]");
        check(goTimeout().isPositive(), "baton.worker.go-timeout", goTimeout(), "must be longer than zero");
        check(maxWatchers() >= 1, "baton.worker.max-watchers", maxWatchers(), "must be at least 1");
        check(maxPieces() >= 1, "baton.worker.max-pieces", maxPieces(), "must be at least 1");
        check(maxRequestPieces() >= 1, "baton.worker.max-request-pieces", maxRequestPieces(), "must be at least 1");
        check(maxPieceChanges() >= 1, "baton.worker.max-piece-changes", maxPieceChanges(), "must be at least 1");
        check(!drainGrace().isNegative(), "baton.worker.drain-grace", drainGrace(), "must not be negative");
    }
}
