package io.baton.cli.launch;

import io.baton.engine.llamacpp.library.LibraryProvider;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The processes of one run: prefill workers, decode workers and the router in front of them. They end when the fleet is
 * closed and when the launching process ends, in whatever way, unless they were told to outlive it.
 *
 * <p><em>Thread-safety:</em> thread-safe; {@link #close()} may be called at any moment, also while the fleet starts.
 */
public final class Fleet implements AutoCloseable {
    private static final Duration POLL = Duration.ofMillis(100);
    private static final Duration FINE_POLL = Duration.ofMillis(1);
    private static final int TAIL_LINES = 15;
    private static final String LIBRARY = "baton.engine.library-dir";

    private final FleetSpec spec;
    private final Consumer<String> progress;
    private final CorePlan cores;
    private final String run;
    private final int port;
    private final Probe probe = new Probe();
    private final List<Process> children = new ArrayList<>();
    private final Thread hook = new Thread(this::close, "fleet-close");
    private final Watchdog watchdog;
    // Guarded by this, like children.
    private RunState state;
    private boolean closed;

    private Fleet(FleetSpec spec, int port, Consumer<String> progress) {
        this.spec = spec;
        this.port = port;
        this.progress = progress;
        this.cores = spec.pin()
                ? CorePlan.ofMachine(spec.workers())
                : CorePlan.unpinned(spec.workers(), 1, ProcFs.allowedCores().size() < spec.workers());
        this.run = RunState.directory(spec.runs(), port) + "/" + randomName();
        this.state = new RunState(
                run,
                Instant.now().getEpochSecond(),
                spec.host(),
                port,
                spec.engine().kind(),
                spec.engine().servedName(),
                spec.outlives()
                        ? RunState.Identity.NONE
                        : RunState.Identity.of(ProcessHandle.current().pid()),
                List.of());
        this.watchdog = Watchdog.start(run);
    }

    /**
     * Starts a fleet and waits until every service is ready.
     *
     * @param progress takes one line per step
     * @throws LaunchException if it cannot be started; then nothing of it is left running
     * @throws io.baton.error.BatonException {@code ENGINE_FAILED} if the engine's library cannot be fetched
     */
    public static Fleet start(FleetSpec wanted, Consumer<String> progress) {
        check(wanted);
        int port = wanted.port() == 0 ? Ports.findBase(wanted.host(), wanted.workers()) : wanted.port();
        forgetEnded(wanted.runs(), port, progress);
        Ports.check(wanted.host(), port, wanted.workers());
        FleetSpec spec = withLibrary(wanted, progress);
        Fleet fleet = new Fleet(spec, port, progress);
        Runtime.getRuntime().addShutdownHook(fleet.hook);
        try {
            fleet.spawnAll();
            fleet.awaitReady();
        } catch (RuntimeException e) {
            fleet.close();
            throw e;
        }
        if (spec.outlives()) {
            fleet.release();
        }
        return fleet;
    }

    /** What was started. */
    public synchronized RunState state() {
        return state;
    }

    /** The router. */
    public RunState.Service router() {
        return state().router();
    }

    /** The services of a role. */
    public List<RunState.Service> services(Role role) {
        return state().services().stream().filter(s -> s.role() == role).toList();
    }

    /** A port for {@link FleetSpec.Builder#port} that is free now, with those that follow from it. */
    public static int freePort(String host, int workers) {
        return Ports.findBase(host, workers);
    }

    /** The ports of the workers' gRPC servers in a fleet at {@code port}, prefill workers first. */
    public static List<Integer> workerPorts(int port, int workers) {
        return IntStream.range(0, workers)
                .mapToObj(w -> Ports.workerGrpc(port, w))
                .toList();
    }

    /** How the cores were divided. */
    public CorePlan cores() {
        return cores;
    }

    /** Where HTTP requests go: {@code http://host:port}. */
    public String httpUrl() {
        return "http://" + spec.host() + ":" + port;
    }

    /** Where gRPC requests go: {@code host:port}. */
    public String grpcAddress() {
        return spec.host() + ":" + (port + 1);
    }

    /** The metrics of a service now. */
    public Metrics metrics(RunState.Service service) {
        return probe.metrics(service);
    }

    /** Whether a service says that it is ready. */
    public boolean ready(RunState.Service service) {
        return probe.ready(service);
    }

    /**
     * Sends a signal to a service.
     *
     * @param signal its name without SIG, such as {@code STOP}, {@code CONT}, {@code TERM}, {@code KILL}
     */
    public void signal(RunState.Service service, String signal) {
        try {
            int status = new ProcessBuilder("kill", "-" + signal, Long.toString(service.pid()))
                    .redirectErrorStream(true)
                    .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                    .start()
                    .waitFor();
            if (status != 0) {
                throw new LaunchException(service.name() + " (process " + service.pid() + ") has ended already");
            }
        } catch (IOException e) {
            throw new LaunchException("the program kill cannot be started: " + e.getMessage(), e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new LaunchException("interrupted while sending a signal to " + service.name(), e);
        }
    }

    /**
     * Stops a service, starts it again and waits until it is ready.
     *
     * @return from its start to the first answer that it is ready, within a millisecond or two
     * @throws LaunchException if it ends or is not ready in time
     */
    public Duration restart(RunState.Service service) {
        Terminator.stopServices(List.of(service));
        CommandLines.Planned planned = CommandLines.plan(spec, port, cores, run).stream()
                .filter(p -> p.name().equals(service.name()))
                .findFirst()
                .orElseThrow(() -> new LaunchException("this fleet has no " + service.name()));
        long start = System.nanoTime();
        RunState.Service started = respawn(planned);
        while (!probe.ready(started)) {
            if (!started.alive()) {
                throw new LaunchException(
                        started.name() + " ended when it was started again. The end of its log:\n" + tail(started));
            }
            if (System.nanoTime() - start > spec.readyTimeout().toNanos()) {
                throw new LaunchException(notReady(List.of(started)));
            }
            LockSupport.parkNanos(FINE_POLL.toNanos());
        }
        return Duration.ofNanos(System.nanoTime() - start);
    }

    private synchronized RunState.Service respawn(CommandLines.Planned planned) {
        if (closed) {
            throw stopped();
        }
        int index = 0;
        while (!state.services().get(index).name().equals(planned.name())) {
            index++;
        }
        Process process = launch(planned);
        children.set(index, process);
        List<RunState.Service> services = new ArrayList<>(state.services());
        services.set(index, service(planned, process));
        save(services);
        return services.get(index);
    }

    /** Memory of a service that lies in RAM now, in bytes; what it shares with other processes counts whole. */
    public long residentBytes(RunState.Service service) {
        return ProcFs.residentBytes(service.pid())
                .orElseThrow(() -> new LaunchException(service.name() + " has ended; its log is " + service.log()));
    }

    /**
     * Waits until a service ends.
     *
     * @return a sentence about it, with the last lines of its log; null if the fleet was closed
     */
    public @Nullable String awaitFailure() {
        List<Process> all;
        synchronized (this) {
            all = List.copyOf(children);
        }
        CompletableFuture.anyOf(all.stream().map(Process::onExit).toArray(CompletableFuture<?>[]::new))
                .join();
        synchronized (this) {
            return closed ? null : firstEnded();
        }
    }

    /** Stops everything and waits until it has ended. The logs stay. */
    @Override
    public void close() {
        RunState last;
        synchronized (this) {
            if (closed) {
                return;
            }
            closed = true;
            last = state;
        }
        try {
            Terminator.stopServices(last.services());
        } finally {
            RunState.delete(spec.runs(), port);
            watchdog.close();
            probe.close();
            forgetHook();
        }
    }

    private void release() {
        watchdog.close();
        probe.close();
        forgetHook();
    }

    private void forgetHook() {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The process is ending and the hook is what runs.
            return;
        }
    }

    private static void check(FleetSpec spec) {
        for (Role role : Role.values()) {
            Path program = role.program(spec.root(), spec.executables());
            if (!Files.exists(program)) {
                throw new LaunchException("the " + role.label() + " service is not built (" + program
                        + " is missing); run ./baton build" + (spec.executables() ? " --native" : ""));
            }
        }
        if (spec.engine().kind().equals(EngineSpec.LLAMACPP)) {
            if (spec.engine().model() == null) {
                throw new LaunchException("the engine llamacpp needs a model; name one with --model FILE");
            }
            GgufFile.open(spec.engine().model());
        }
    }

    /** The same with the directory of libllama, so that the workers do not fetch it all at once. */
    private static FleetSpec withLibrary(FleetSpec spec, Consumer<String> progress) {
        if (!spec.engine().kind().equals(EngineSpec.LLAMACPP) || spec.settings().containsKey(LIBRARY)) {
            return spec;
        }
        progress.accept("libllama: looking for it in the cache; the first time, npm fetches it");
        Path directory = LibraryProvider.provide(null);
        return spec.withSetting(LIBRARY, directory.toString());
    }

    private static void forgetEnded(Path runs, int port, Consumer<String> progress) {
        RunState.load(runs, port).ifPresent(old -> {
            if (old.alive()) {
                throw new LaunchException("a fleet runs at port " + port + " already; stop it with ./baton down --port "
                        + port + ", or choose another port with --port P");
            }
            RunState.delete(runs, port);
            progress.accept("the last run at port " + port + " ended without being stopped; its state is removed");
        });
    }

    private void spawnAll() {
        KvKeys.write(KvKeys.file(spec.runs(), port));
        List<CommandLines.Planned> processes = CommandLines.plan(spec, port, cores, run);
        if (spec.mtls()) {
            FleetCertificates.write(FleetCertificates.directory(spec.runs(), port), processes);
        }
        for (CommandLines.Planned planned : processes) {
            spawn(planned);
        }
    }

    private synchronized void spawn(CommandLines.Planned planned) {
        if (closed) {
            throw stopped();
        }
        Process process = launch(planned);
        children.add(process);
        List<RunState.Service> services = new ArrayList<>(state.services());
        services.add(service(planned, process));
        save(services);
        progress.accept("starting " + planned.name() + " (process " + process.pid() + ")");
    }

    private Process launch(CommandLines.Planned planned) {
        Path directory = RunState.directory(spec.runs(), port);
        try {
            Files.createDirectories(directory);
            return new ProcessBuilder(planned.arguments())
                    .directory(directory.toFile())
                    .redirectErrorStream(true)
                    .redirectOutput(log(planned).toFile())
                    .start();
        } catch (IOException e) {
            throw new LaunchException(planned.name() + " cannot be started: " + e.getMessage(), e);
        }
    }

    private Path log(CommandLines.Planned planned) {
        return RunState.directory(spec.runs(), port).resolve(planned.name() + ".log");
    }

    private RunState.Service service(CommandLines.Planned planned, Process process) {
        return new RunState.Service(
                planned.name(),
                planned.role(),
                RunState.Identity.of(process.pid()),
                spec.host(),
                planned.httpPort(),
                planned.grpcPort(),
                planned.cores(),
                log(planned).toString());
    }

    /** Called with the lock held, right after a start, so that `down` finds the process even if this launcher dies now. */
    private void save(List<RunState.Service> services) {
        state = new RunState(
                run, state.startedAt(), state.host(), port, state.engine(), state.model(), state.launcher(), services);
        state.save(spec.runs());
    }

    private void awaitReady() {
        long start = System.nanoTime();
        List<RunState.Service> waiting = new ArrayList<>(state().services());
        while (!waiting.isEmpty()) {
            synchronized (this) {
                if (closed) {
                    throw stopped();
                }
                String ended = firstEnded();
                if (ended != null) {
                    throw new LaunchException(ended);
                }
            }
            waiting.removeIf(service -> {
                boolean ready = probe.ready(service);
                if (ready) {
                    progress.accept(service.name() + " is ready");
                }
                return ready;
            });
            if (System.nanoTime() - start > spec.readyTimeout().toNanos()) {
                throw new LaunchException(notReady(waiting));
            }
            try {
                TimeUnit.NANOSECONDS.sleep(waiting.isEmpty() ? 0 : POLL.toNanos());
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new LaunchException("interrupted while the fleet started", e);
            }
        }
    }

    private String notReady(List<RunState.Service> waiting) {
        RunState.Service first = waiting.getFirst();
        String health = probe.health(first)
                .map(h -> "it says " + h.replaceAll("\\s+", " "))
                .orElse("it does not answer");
        return first.name() + " was not ready after " + spec.readyTimeout().toSeconds() + " s: " + health
                + ". The end of its log:\n" + tail(first);
    }

    /** The first service that has ended, with the reason as far as its log tells it. Called with the lock held. */
    private @Nullable String firstEnded() {
        for (int i = 0; i < children.size(); i++) {
            if (!children.get(i).isAlive()) {
                RunState.Service service = state.services().get(i);
                return service.name() + " ended with status " + children.get(i).exitValue() + ". The end of its log ("
                        + service.log() + "):\n" + tail(service);
            }
        }
        return null;
    }

    private static String tail(RunState.Service service) {
        try {
            // A log may hold bytes of a native library that are no UTF-8.
            List<String> lines = Files.readAllLines(Path.of(service.log()), StandardCharsets.ISO_8859_1);
            return String.join("\n", lines.subList(Math.max(0, lines.size() - TAIL_LINES), lines.size()))
                    .indent(4)
                    .stripTrailing();
        } catch (IOException e) {
            return "    (it cannot be read: " + e.getMessage() + ")";
        }
    }

    private LaunchException stopped() {
        return new LaunchException("stopped while the fleet at port " + port + " was starting");
    }

    private static String randomName() {
        byte[] random = new byte[6];
        new SecureRandom().nextBytes(random);
        return HexFormat.of().formatHex(random);
    }
}
