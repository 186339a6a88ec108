package io.baton.cli.chaos;

import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.LaunchException;
import io.baton.cli.launch.Metrics;
import io.baton.cli.launch.Role;
import io.baton.cli.launch.RunState;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * Breaks a fleet, one fault after the other, and mends it: of each role one worker is left alone at any moment. Every kind of
 * fault has its turn before one comes again.
 *
 * <p><em>Thread-safety:</em> {@link #next} and {@link #awaitMended} are called by one thread; the rest by any.
 */
final class Faults {
    private static final String HEALTHY = "baton_router_worker_healthy";
    private static final Metrics NOTHING = new Metrics(List.of());
    private static final long STOPPED_MILLIS = 3500;
    private static final long SHORT_MILLIS = 1000;
    private static final long BLACK_HOLE_MILLIS = 3000;
    private static final long DELAY_NANOS = TimeUnit.MILLISECONDS.toNanos(30);
    private static final int CORRUPTED_PIECES = 3;

    private final Fleet fleet;
    private final Links links;
    private final Random random;
    private final ArrayDeque<Fault> turn = new ArrayDeque<>();
    private final Map<Fault, Integer> done = new EnumMap<>(Fault.class);
    /** Workers that are being broken or mended, by name; guarded by itself. */
    private final List<String> busy = new ArrayList<>();

    private final AtomicInteger running = new AtomicInteger();
    private final AtomicInteger routerLives = new AtomicInteger();
    private final ConcurrentLinkedQueue<Throwable> failures = new ConcurrentLinkedQueue<>();
    private volatile boolean routerDown;

    /** Is told before the router is killed, while it can still be asked. */
    private final Runnable beforeRouterDies;

    Faults(Fleet fleet, Links links, Random random, Runnable beforeRouterDies) {
        this.fleet = fleet;
        this.links = links;
        this.random = random;
        this.beforeRouterDies = beforeRouterDies;
    }

    /** How often each fault happened. */
    Map<Fault, Integer> done() {
        return new EnumMap<>(done);
    }

    /** Whether every kind has happened. */
    boolean complete() {
        return done.keySet().size() == Fault.values().length;
    }

    /** Changes whenever the router dies and when it lives again. */
    int routerLife() {
        return routerLives.get();
    }

    boolean routerDown() {
        return routerDown;
    }

    /** Begins the next fault that is possible now; null if none is. */
    @Nullable
    Fault next() {
        if (turn.isEmpty()) {
            List<Fault> all = new ArrayList<>(List.of(Fault.values()));
            Collections.shuffle(all, random);
            turn.addAll(all);
        }
        for (Fault fault : List.copyOf(turn)) {
            Runnable broken = begin(fault);
            if (broken != null) {
                turn.remove(fault);
                done.merge(fault, 1, Integer::sum);
                running.incrementAndGet();
                Thread.ofVirtual().name("fault-" + fault).start(() -> {
                    try {
                        broken.run();
                    } catch (RuntimeException e) {
                        failures.add(e);
                    } finally {
                        running.decrementAndGet();
                    }
                });
                return fault;
            }
        }
        return null;
    }

    private @Nullable Runnable begin(Fault fault) {
        return switch (fault) {
            case KILL_PREFILL -> worker(Role.PREFILL, this::kill);
            case KILL_DECODE -> worker(Role.DECODE, this::kill);
            case STOP_PREFILL -> worker(Role.PREFILL, this::stop);
            case STOP_DECODE -> worker(Role.DECODE, this::stop);
            case DRAIN_PREFILL -> worker(Role.PREFILL, fleet::restart);
            case DRAIN_DECODE -> worker(Role.DECODE, fleet::restart);
            case RESET_WORKER ->
                worker(
                        random.nextBoolean() ? Role.PREFILL : Role.DECODE,
                        w -> links.router(w).reset());
            case DELAY_WORKER ->
                worker(random.nextBoolean() ? Role.PREFILL : Role.DECODE, w -> {
                    links.router(w).delay(DELAY_NANOS);
                    pause(SHORT_MILLIS);
                    links.router(w).delay(0);
                });
            case KILL_ROUTER -> routerDown ? null : this::killRouter;
            case CUT_KV ->
                kv(link -> {
                    link.cut(true);
                    pause(SHORT_MILLIS);
                    link.cut(false);
                });
            case RESET_KV -> kv(FaultProxy::reset);
            case DELAY_KV ->
                kv(link -> {
                    link.delay(DELAY_NANOS);
                    pause(SHORT_MILLIS);
                    link.delay(0);
                });
            case BLACK_HOLE_KV ->
                kv(link -> {
                    link.blackHole(true);
                    pause(BLACK_HOLE_MILLIS);
                    link.blackHole(false);
                });
            case CORRUPT_KV -> kv(link -> link.corrupt(CORRUPTED_PIECES));
        };
    }

    private interface Harm<T> {
        void to(T victim);
    }

    /** Harm to a worker, if another of its role is well; it is well again itself when the router says so. */
    private @Nullable Runnable worker(Role role, Harm<RunState.Service> harm) {
        List<RunState.Service> services = fleet.services(role);
        RunState.Service victim = services.get(random.nextInt(services.size()));
        synchronized (busy) {
            boolean alone = services.stream()
                    .filter(s -> !s.name().equals(victim.name()))
                    .allMatch(s -> busy.contains(s.name()));
            if (alone || busy.contains(victim.name()) || routerDown) {
                return null;
            }
            busy.add(victim.name());
        }
        return () -> {
            try {
                harm.to(victim);
                awaitWell(victim);
            } finally {
                synchronized (busy) {
                    busy.remove(victim.name());
                }
            }
        };
    }

    private @Nullable Runnable kv(Harm<FaultProxy> harm) {
        List<RunState.Service> holders = fleet.services(Role.PREFILL);
        FaultProxy link = links.kv(holders.get(random.nextInt(holders.size())));
        return () -> harm.to(link);
    }

    private void kill(RunState.Service service) {
        fleet.signal(service, "KILL");
        fleet.restart(service);
    }

    private void stop(RunState.Service service) {
        fleet.signal(service, "STOP");
        pause(STOPPED_MILLIS);
        fleet.signal(service, "CONT");
    }

    private void killRouter() {
        beforeRouterDies.run();
        routerDown = true;
        routerLives.incrementAndGet();
        fleet.signal(fleet.router(), "KILL");
        fleet.restart(fleet.router());
        routerLives.incrementAndGet();
        routerDown = false;
    }

    private void awaitWell(RunState.Service service) {
        long deadline = System.nanoTime() + TimeUnit.MINUTES.toNanos(2);
        String address = links.address(service);
        while (System.nanoTime() - deadline < 0) {
            try {
                Metrics router = routerDown ? NOTHING : fleet.metrics(fleet.router());
                // A router that starts answers before it has metrics.
                if (router.has(HEALTHY) && router.sum(HEALTHY, Map.of("worker", address)) == 1) {
                    return;
                }
            } catch (LaunchException e) {
                // The router is being killed.
            }
            pause(50);
        }
        throw new LaunchException(service.name() + " was not well again within two minutes of a fault");
    }

    /** Waits until every fault is over and everything runs. */
    void awaitMended() {
        while (running.get() > 0) {
            pause(50);
        }
        Throwable failure = failures.poll();
        if (failure != null) {
            throw new LaunchException("a fault could not be mended: " + failure.getMessage(), failure);
        }
        for (Role role : List.of(Role.PREFILL, Role.DECODE)) {
            fleet.services(role).forEach(this::awaitWell);
        }
    }

    static void pause(long millis) {
        try {
            TimeUnit.MILLISECONDS.sleep(millis);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LaunchException("interrupted", e);
        }
    }
}
