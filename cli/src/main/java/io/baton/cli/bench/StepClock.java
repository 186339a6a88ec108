package io.baton.cli.bench;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * Steps of simulated decode workers: at every step each stream of a worker gets a token, all of them together. The
 * workers' steps are spread over the time of a step.
 *
 * <p><em>Thread-safety:</em> thread-safe; all steps run on one thread.
 */
final class StepClock implements AutoCloseable {
    /** More workers than that share the moments of their steps. */
    private static final int MOMENTS = 16;

    private final Duration step;
    private final List<Ticks> workers = new ArrayList<>();
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();

    StepClock(int workers, Duration step) {
        this.step = step;
        for (int worker = 0; worker < workers; worker++) {
            this.workers.add(new Ticks());
        }
        int moments = Math.min(MOMENTS, workers);
        for (int moment = 0; moment < moments; moment++) {
            int first = moment;
            var _ = timer.scheduleAtFixedRate(
                    () -> {
                        for (int w = first; w < workers; w += moments) {
                            this.workers.get(w).step();
                        }
                    },
                    step.toNanos() * moment / moments,
                    step.toNanos(),
                    TimeUnit.NANOSECONDS);
        }
    }

    Duration step() {
        return step;
    }

    Ticks of(int worker) {
        return workers.get(worker);
    }

    @Override
    public void close() {
        timer.shutdownNow();
    }

    /** A stream that generates. */
    interface Stream {
        /** Sends the next token; false if it was the last one. Must not throw. */
        boolean step();
    }

    /** One worker's streams. */
    static final class Ticks {
        private final Set<Stream> streams = ConcurrentHashMap.newKeySet();

        void join(Stream stream) {
            streams.add(stream);
        }

        int streams() {
            return streams.size();
        }

        private void step() {
            streams.removeIf(stream -> !stream.step());
        }
    }
}
