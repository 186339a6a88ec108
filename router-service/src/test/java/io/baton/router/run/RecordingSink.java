package io.baton.router.run;

import io.baton.error.BatonException;
import io.baton.inference.v1.GenerateFinished;
import io.baton.router.fake.Await;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** A client that keeps what it is told. */
final class RecordingSink implements ClientSink {
    final List<ClientEvent> events = new CopyOnWriteArrayList<>();
    volatile boolean ready = true;
    volatile @Nullable RequestRun run;

    @Override
    public boolean isReady() {
        return ready;
    }

    @Override
    public void write(ClientEvent event) {
        events.add(event);
    }

    RequestRun run() {
        RequestRun r = run;
        if (r == null) {
            throw new AssertionError("not started");
        }
        return r;
    }

    void readAgain() {
        ready = true;
        run().execute(run()::clientReady);
    }

    ClientEvent last() {
        Await.until(
                () -> "the end after " + events,
                () -> !events.isEmpty()
                        && (events.getLast() instanceof ClientEvent.Finished
                                || events.getLast() instanceof ClientEvent.Failed));
        return events.getLast();
    }

    GenerateFinished finished() {
        return switch (last()) {
            case ClientEvent.Finished(var message) -> message;
            case ClientEvent.Failed(var error, var _) -> throw new AssertionError("the request failed", error);
            default -> throw new AssertionError("no end");
        };
    }

    BatonException error() {
        if (last() instanceof ClientEvent.Failed(var error, var _)) {
            return error;
        }
        throw new AssertionError("the request did not fail: " + events);
    }

    String text() {
        StringBuilder text = new StringBuilder();
        for (ClientEvent event : events) {
            if (event instanceof ClientEvent.Output(var output)) {
                text.append(output.getText());
            }
        }
        return text.toString();
    }

    void awaitOutputs(int count) {
        Await.until(
                () -> count + " outputs in " + events,
                () -> events.stream()
                                .filter(ClientEvent.Output.class::isInstance)
                                .count()
                        >= count);
    }
}
