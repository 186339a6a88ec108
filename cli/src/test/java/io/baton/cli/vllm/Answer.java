package io.baton.cli.vllm;

import io.baton.error.BatonException;
import io.baton.inference.v1.GenerateFinished;
import io.baton.router.run.ClientEvent;
import io.baton.router.run.ClientSink;
import io.baton.router.run.RequestRun;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** A client that keeps what it is told. */
final class Answer implements ClientSink {
    private final List<ClientEvent> events = new CopyOnWriteArrayList<>();
    volatile @Nullable RequestRun run;

    @Override
    public boolean isReady() {
        return true;
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

    /** Whether it has ended. */
    boolean over() {
        return !events.isEmpty()
                && (events.getLast() instanceof ClientEvent.Finished || events.getLast() instanceof ClientEvent.Failed);
    }

    private ClientEvent last() {
        VllmFleet.await("the request ends", this::over);
        return events.getLast();
    }

    /** Whether it has ended with an error. */
    boolean failed() {
        return !events.isEmpty() && events.getLast() instanceof ClientEvent.Failed;
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
        throw new AssertionError("the request did not fail: " + text());
    }

    /** Text so far. */
    String text() {
        StringBuilder text = new StringBuilder();
        for (ClientEvent event : events) {
            if (event instanceof ClientEvent.Output(var output)) {
                text.append(output.getText());
            }
        }
        return text.toString();
    }

    /** All events of tokens so far. */
    List<io.baton.inference.v1.TokenOutput> outputs() {
        return events.stream()
                .filter(ClientEvent.Output.class::isInstance)
                .map(e -> ((ClientEvent.Output) e).message())
                .toList();
    }

    void awaitText() {
        VllmFleet.await("text comes", () -> over() || !text().isEmpty());
    }
}
