package io.baton.router.run;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * The timers of one request. What a timer does runs in the request's serial executor.
 *
 * <p><em>Thread-safety:</em> none; belongs to the request's serial executor.
 */
final class Timers {
    private final ScheduledExecutorService scheduler;
    private final Executor serial;
    private final List<Future<?>> own = new ArrayList<>(2);
    private final Map<Leg<?, ?>, Future<?>> ofLegs = new HashMap<>(2);

    Timers(ScheduledExecutorService scheduler, Executor serial) {
        this.scheduler = scheduler;
        this.serial = serial;
    }

    void after(Duration delay, Runnable task) {
        own.removeIf(Future::isDone);
        own.add(schedule(delay, task));
    }

    /** A timer that outlives the request: it ends with the leg. */
    void after(Leg<?, ?> leg, Duration delay, Runnable task) {
        Future<?> old = ofLegs.put(leg, schedule(delay, task));
        if (old != null) {
            old.cancel(false);
        }
    }

    private Future<?> schedule(Duration delay, Runnable task) {
        return scheduler.schedule(() -> serial.execute(task), delay.toNanos(), TimeUnit.NANOSECONDS);
    }

    void cancel(Leg<?, ?> leg) {
        Future<?> timer = ofLegs.remove(leg);
        if (timer != null) {
            timer.cancel(false);
        }
    }

    void cancelAllButLegs() {
        own.forEach(timer -> timer.cancel(false));
        own.clear();
    }
}
