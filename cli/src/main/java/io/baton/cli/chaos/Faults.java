package io.baton.cli.chaos;

import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.LaunchException;
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
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * Breaks a fleet, one fault after the other, and mends it: of each role one worker is left alone at any moment. Every kind of
 * fault has its turn before one comes again, and a fault that met nothing, for instance because no KV rows passed while bits
 * were to be flipped, does not count and comes again.
 *
 * <p><em>Thread-safety:</em> {@link #next} and {@link #awaitMended} are called by one thread; the rest by any.
 */
final class Faults {
    private static final long STOPPED_MILLIS = 3500;
    private static final long SHORT_MILLIS = 1000;
    private static final long BLACK_HOLE_MILLIS = 3000;
    private static final long DELAY_NANOS = TimeUnit.MILLISECONDS.toNanos(30);
    private static final int CORRUPTED_PIECES = 3;
    /** How long a fault lies in wait for something to harm. */
    private static final long AMBUSH_MILLIS = 10_000;
    /** How long the router may take to notice that a worker stands still; far above any setting of it. */
    private static final long NOTICED_MILLIS = 30_000;

    private static final int RECENT = 6;

    private final Fleet fleet;
    private final Links links;
    private final FleetHealth health;
    private final Random random;
    private final ArrayDeque<Fault> turn = new ArrayDeque<>();
    /** Guarded by itself. */
    private final Map<Fault, Integer> done = new EnumMap<>(Fault.class);
    /** Kinds whose last one met nothing. */
    private final ConcurrentLinkedQueue<Fault> again = new ConcurrentLinkedQueue<>();
    /** Workers that are being broken or mended, by name; guarded by itself. */
    private final List<String> busy = new ArrayList<>();
    /** What was begun last; guarded by itself. */
    private final ArrayDeque<String> recent = new ArrayDeque<>();

    private final AtomicInteger running = new AtomicInteger();
    private final AtomicInteger routerLives = new AtomicInteger();
    private final ConcurrentLinkedQueue<LaunchException> failures = new ConcurrentLinkedQueue<>();
    private volatile boolean routerDown;

    private final Runnable beforeRouterDies;
    private final Runnable afterRouterLives;

    /**
     * Faults of a fleet.
     *
     * @param beforeRouterDies is told before the router is killed, while it can still be asked
     * @param afterRouterLives is told when it takes requests again, before they are sent
     */
    Faults(Fleet fleet, Links links, Random random, Runnable beforeRouterDies, Runnable afterRouterLives) {
        this.fleet = fleet;
        this.links = links;
        this.health = new FleetHealth(fleet, links);
        this.random = random;
        this.beforeRouterDies = beforeRouterDies;
        this.afterRouterLives = afterRouterLives;
    }

    /** How often each fault happened. */
    Map<Fault, Integer> done() {
        synchronized (done) {
            return new EnumMap<>(done);
        }
    }

    /** How many faults happened. */
    int count() {
        return done().values().stream().mapToInt(Integer::intValue).sum();
    }

    /** Whether every kind has happened. */
    boolean complete() {
        return done().size() == Fault.values().length;
    }

    /** Whether a fault could not be mended; {@link #awaitMended} then says which, and no router may come back. */
    boolean broken() {
        return !failures.isEmpty();
    }

    /** What was begun last, the latest last. */
    String recent() {
        synchronized (recent) {
            return String.join(", ", recent);
        }
    }

    /** Changes whenever the router dies and when it lives again. To be read before {@link #routerDown}. */
    int routerLife() {
        return routerLives.get();
    }

    boolean routerDown() {
        return routerDown;
    }

    /** Something that is done to the fleet. */
    private record Harm(String victim, BooleanSupplier done) {}

    /** Begins the next fault that is possible now; null if none is. */
    @Nullable
    Fault next() {
        for (Fault fault = again.poll(); fault != null; fault = again.poll()) {
            turn.addFirst(fault);
        }
        if (turn.isEmpty()) {
            List<Fault> all = new ArrayList<>(List.of(Fault.values()));
            Collections.shuffle(all, random);
            turn.addAll(all);
        }
        for (Fault fault : List.copyOf(turn)) {
            Harm harm = begin(fault);
            if (harm != null) {
                turn.removeFirstOccurrence(fault);
                note(fault + " " + harm.victim());
                running.incrementAndGet();
                Thread.ofVirtual().name("fault-" + fault).start(() -> carryOut(fault, harm));
                return fault;
            }
        }
        return null;
    }

    private void note(String what) {
        synchronized (recent) {
            recent.add(what);
            if (recent.size() > RECENT) {
                recent.removeFirst();
            }
        }
    }

    private void carryOut(Fault fault, Harm harm) {
        try {
            if (harm.done().getAsBoolean()) {
                synchronized (done) {
                    done.merge(fault, 1, Integer::sum);
                }
            } else {
                again.add(fault);
            }
        } catch (RuntimeException e) {
            failures.add(new LaunchException(
                    "fault " + fault + " of " + harm.victim() + " could not be mended: " + e.getMessage(), e));
        } finally {
            running.decrementAndGet();
        }
    }

    private @Nullable Harm begin(Fault fault) {
        Role either = random.nextBoolean() ? Role.PREFILL : Role.DECODE;
        return switch (fault) {
            case KILL_PREFILL -> worker(Role.PREFILL, this::kill);
            case KILL_DECODE -> worker(Role.DECODE, this::kill);
            case STOP_PREFILL -> worker(Role.PREFILL, this::stop);
            case STOP_DECODE -> worker(Role.DECODE, this::stop);
            case DRAIN_PREFILL -> worker(Role.PREFILL, this::drain);
            case DRAIN_DECODE -> worker(Role.DECODE, this::drain);
            case RESET_WORKER -> worker(either, w -> reset(links.router(w)));
            case DELAY_WORKER -> worker(either, w -> delay(links.router(w)));
            case KILL_ROUTER -> router();
            // A holder that cannot be reached serves nobody, so another one must be well meanwhile.
            case CUT_KV -> worker(Role.PREFILL, w -> cut(links.kv(w)));
            case BLACK_HOLE_KV -> worker(Role.PREFILL, w -> blackHole(links.kv(w)));
            case RESET_KV -> kv(this::reset);
            case DELAY_KV -> kv(this::delay);
            case CORRUPT_KV -> kv(this::corrupt);
        };
    }

    /** What is done to something; says whether it met anything. */
    private interface HarmTo<T> {
        boolean harm(T victim);
    }

    /** Harm to a worker, if another of its role is well; it is well again itself when the router says so. */
    private @Nullable Harm worker(Role role, HarmTo<RunState.Service> harm) {
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
        return new Harm(victim.name(), () -> {
            try {
                boolean met = harm.harm(victim);
                health.awaitWell(victim, () -> routerDown);
                return met;
            } finally {
                synchronized (busy) {
                    busy.remove(victim.name());
                }
            }
        });
    }

    /** Harm to the connections to a holder that does not make it useless; one that runs, if there is one. */
    private Harm kv(HarmTo<FaultProxy> harm) {
        List<RunState.Service> holders = fleet.services(Role.PREFILL);
        List<RunState.Service> well;
        synchronized (busy) {
            well = holders.stream().filter(h -> !busy.contains(h.name())).toList();
        }
        List<RunState.Service> among = well.isEmpty() ? holders : well;
        RunState.Service victim = among.get(random.nextInt(among.size()));
        return new Harm(victim.name(), () -> harm.harm(links.kv(victim)));
    }

    private @Nullable Harm router() {
        if (routerDown) {
            return null;
        }
        // Here, so that no other fault begins that would wait for this router.
        routerDown = true;
        return new Harm("router", this::killRouter);
    }

    private boolean kill(RunState.Service service) {
        fleet.signal(service, "KILL");
        fleet.restart(service);
        return true;
    }

    private boolean drain(RunState.Service service) {
        fleet.restart(service);
        return true;
    }

    /** For as long as said, and then until the router has noticed. */
    private boolean stop(RunState.Service service) {
        fleet.signal(service, "STOP");
        try {
            pause(STOPPED_MILLIS);
            return within(NOTICED_MILLIS - STOPPED_MILLIS, () -> !health.isWell(service, () -> routerDown));
        } finally {
            fleet.signal(service, "CONT");
        }
    }

    private boolean cut(FaultProxy link) {
        boolean met = awaitConnection(link) && link.cut(true) > 0;
        pause(SHORT_MILLIS);
        link.cut(false);
        return met;
    }

    private boolean reset(FaultProxy link) {
        return awaitConnection(link) && link.reset() > 0;
    }

    private boolean delay(FaultProxy link) {
        int before = link.heldBack();
        link.delay(DELAY_NANOS);
        pause(SHORT_MILLIS);
        boolean met = within(AMBUSH_MILLIS, () -> link.heldBack() > before);
        link.delay(0);
        return met;
    }

    private boolean blackHole(FaultProxy link) {
        int before = link.heldBack();
        link.blackHole(true);
        pause(BLACK_HOLE_MILLIS);
        boolean met = within(AMBUSH_MILLIS, () -> link.heldBack() > before);
        link.blackHole(false);
        return met;
    }

    private boolean corrupt(FaultProxy link) {
        int before = link.corrupted();
        link.corrupt(CORRUPTED_PIECES);
        return within(AMBUSH_MILLIS, () -> link.corrupted() > before);
    }

    private static boolean awaitConnection(FaultProxy link) {
        return within(AMBUSH_MILLIS, () -> link.connections() > 0);
    }

    private boolean killRouter() {
        beforeRouterDies.run();
        routerLives.incrementAndGet();
        fleet.signal(fleet.router(), "KILL");
        fleet.restart(fleet.router());
        afterRouterLives.run();
        routerLives.incrementAndGet();
        routerDown = false;
        return true;
    }

    /** Waits until every fault is over and everything runs. */
    void awaitMended() {
        while (running.get() > 0) {
            pause(50);
        }
        LaunchException failure = failures.poll();
        if (failure != null) {
            throw failure;
        }
        for (Role role : List.of(Role.PREFILL, Role.DECODE)) {
            fleet.services(role).forEach(s -> health.awaitWell(s, () -> routerDown));
        }
    }

    /** Whether it comes true within so long. */
    private static boolean within(long millis, BooleanSupplier condition) {
        long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(millis);
        while (!condition.getAsBoolean()) {
            if (System.nanoTime() - deadline > 0) {
                return false;
            }
            pause(FleetHealth.POLL_MILLIS);
        }
        return true;
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
