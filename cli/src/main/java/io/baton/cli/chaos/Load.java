package io.baton.cli.chaos;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

/**
 * Requests that come at a rate of their own, while faults come.
 *
 * <p><em>Thread-safety:</em> none; one thread runs it.
 */
final class Load {
    /**
     * Most requests at once. A fleet that is slower than the arrivals must not be given ever more of them: then every request
     * would fail by its deadline, whatever the faults do.
     */
    static final int MAX_IN_FLIGHT = 32;

    private static final Duration WORD_EVERY = Duration.ofSeconds(10);
    private static final Duration NO_FAULT_POSSIBLE = Duration.ofMillis(100);

    private final Clients clients;
    private final Arrivals arrivals;
    private final double rate;
    private final Judge judge;
    private final Faults faults;
    private final Consumer<String> progress;

    private final AtomicInteger inFlight = new AtomicInteger();
    private int sent;
    private int heldBack;

    /**
     * A load.
     *
     * @param rate mean arrivals per second
     */
    Load(Clients clients, Arrivals arrivals, double rate, Judge judge, Faults faults, Consumer<String> progress) {
        this.clients = clients;
        this.arrivals = arrivals;
        this.rate = rate;
        this.judge = judge;
        this.faults = faults;
        this.progress = progress;
    }

    /** Requests sent so far. */
    int sent() {
        return sent;
    }

    /** Arrivals that came later than they should have, because {@link #MAX_IN_FLIGHT} requests were running. */
    int heldBack() {
        return heldBack;
    }

    /**
     * Runs as long as {@code more} says so, then until every fault is mended and every request has ended.
     *
     * @throws io.baton.cli.launch.LaunchException if a fault could not be mended
     */
    void run(Duration faultEvery, BooleanSupplier more) {
        List<CompletableFuture<Void>> running = new ArrayList<>();
        long nextRequest = System.nanoTime();
        long nextFault = nextRequest + faultEvery.toNanos();
        long nextWord = nextRequest;
        boolean late = false;
        while (more.getAsBoolean() && !faults.broken()) {
            long now = System.nanoTime();
            if (now - nextRequest >= 0) {
                if (inFlight.get() < MAX_IN_FLIGHT) {
                    running.add(ask(sent++ % clients.different()));
                    late = false;
                    nextRequest += (long) (arrivals.next() * 1e9 / rate);
                } else {
                    heldBack += late ? 0 : 1;
                    late = true;
                    // The schedule moves; what was held back does not come as one burst afterwards.
                    nextRequest = now + 1;
                }
            }
            if (now - nextFault >= 0) {
                nextFault = now + (faults.next() == null ? NO_FAULT_POSSIBLE : faultEvery).toNanos();
            }
            if (now - nextWord >= 0) {
                running.removeIf(CompletableFuture::isDone);
                progress.accept(
                        sent + " requests sent, " + judge.count() + " ended, " + faults.count() + " faults happened");
                nextWord += WORD_EVERY.toNanos();
            }
            long wait = Math.min(nextRequest, nextFault) - System.nanoTime();
            Faults.pause(Math.clamp(TimeUnit.NANOSECONDS.toMillis(wait) + 1, late ? 10 : 0, 50));
        }
        progress.accept("no more requests and faults; waiting for what runs");
        faults.awaitMended();
        CompletableFuture.allOf(running.toArray(CompletableFuture<?>[]::new)).join();
    }

    /** Asks; again if the router is killed meanwhile, as a client of a replica would. */
    private CompletableFuture<Void> ask(int request) {
        inFlight.incrementAndGet();
        CompletableFuture<Void> over = new CompletableFuture<>();
        Thread.ofVirtual().name("client-" + request).start(() -> {
            try {
                askUntilItEnds(request);
                over.complete(null);
            } catch (RuntimeException e) {
                over.completeExceptionally(e);
            } finally {
                inFlight.decrementAndGet();
            }
        });
        return over;
    }

    private void askUntilItEnds(int request) {
        while (!faults.broken()) {
            // In this order: a router that is killed from here on has another life than this one.
            int life = faults.routerLife();
            if (faults.routerDown()) {
                Faults.pause(20);
                continue;
            }
            Call.Ended end = clients.ask(request).join();
            if (end.error().isPresent() && faults.routerLife() != life) {
                judge.askedAgain();
                continue;
            }
            judge.ended(request, end);
            return;
        }
    }
}
