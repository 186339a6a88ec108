package io.baton.cli.chaos;

import io.baton.inference.v1.GenerateRequest;
import io.grpc.ManagedChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Asks the requests of a run.
 *
 * <p><em>Thread-safety:</em> safe. The channel stays the caller's.
 */
final class Clients {
    /** Requests at once while the fleet's speed is measured; more than enough to keep it busy. */
    private static final int TOGETHER = 12;

    private final ManagedChannel channel;
    private final List<GenerateRequest> requests;
    private final Duration deadline;

    Clients(ManagedChannel channel, Asked asked, Duration deadline) {
        this.channel = channel;
        this.requests = asked.requests();
        this.deadline = deadline;
    }

    /** How many different requests there are. */
    int different() {
        return requests.size();
    }

    GenerateRequest request(int number) {
        return requests.get(number);
    }

    /** Asks one; the future never fails. */
    CompletableFuture<Call.Ended> ask(int number) {
        return Call.start(channel, requests.get(number), deadline);
    }

    /** Every request once, one after the other. */
    List<Call.Ended> askEach() {
        List<Call.Ended> ended = new ArrayList<>();
        for (int i = 0; i < requests.size(); i++) {
            ended.add(ask(i).join());
        }
        return ended;
    }

    /** Every request once, some at a time; in the order of the requests. */
    List<Call.Ended> askTogether() {
        AtomicInteger next = new AtomicInteger();
        Call.Ended[] ended = new Call.Ended[requests.size()];
        List<CompletableFuture<Void>> askers = new ArrayList<>();
        for (int a = 0; a < TOGETHER; a++) {
            askers.add(CompletableFuture.runAsync(
                    () -> {
                        for (int i = next.getAndIncrement(); i < ended.length; i = next.getAndIncrement()) {
                            ended[i] = ask(i).join();
                        }
                    },
                    task -> Thread.ofVirtual().name("asker").start(task)));
        }
        CompletableFuture.allOf(askers.toArray(CompletableFuture<?>[]::new)).join();
        return List.of(ended);
    }
}
