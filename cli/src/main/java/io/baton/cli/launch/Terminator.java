package io.baton.cli.launch;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Ends processes: asks, waits, then kills. The router goes first, so that no request meets a worker that is gone.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class Terminator {
    /** How long a process may take to end by itself. */
    private static final Duration GRACE = Duration.ofSeconds(8);
    /** How long the kernel may take to remove a killed one. */
    private static final Duration KILL = Duration.ofSeconds(5);

    private Terminator() {}

    /**
     * Stops a run that was written down: the launcher, which stops its fleet itself, then what is left, then whatever
     * carries the run's marker.
     *
     * @return how many processes were ended
     */
    public static int stop(Path runs, RunState state) {
        int ended = 0;
        if (state.launcher().alive()) {
            ended += (int)
                    state.services().stream().filter(RunState.Service::alive).count();
            end(List.of(state.launcher().pid()), GRACE.multipliedBy(3));
        }
        ended += stopServices(state.services());
        ended += stopMarked(CommandLines.MARKER + state.run());
        RunState.delete(runs, state.port());
        return ended;
    }

    /**
     * Ends the processes of runs in a directory that no state file knows.
     *
     * @param port only those of runs at this port; null for all
     * @return how many they were
     */
    public static int stopLeftovers(Path runs, @Nullable Integer port) {
        Path directory = runs.toAbsolutePath().normalize();
        String prefix = CommandLines.MARKER + (port == null ? directory : RunState.directory(directory, port)) + "/";
        List<Long> pids = ProcFs.all().stream()
                .filter(pid -> ProcFs.arguments(pid).stream().anyMatch(a -> a.startsWith(prefix)))
                .toList();
        return end(pids, GRACE);
    }

    static int stopServices(List<RunState.Service> services) {
        int ended = 0;
        for (boolean router : List.of(true, false)) {
            ended += end(
                    services.stream()
                            .filter(s -> (s.role() == Role.ROUTER) == router && s.alive())
                            .map(RunState.Service::pid)
                            .toList(),
                    GRACE);
        }
        return ended;
    }

    private static int stopMarked(String marker) {
        return end(ProcFs.withArgument(marker), GRACE);
    }

    private static int end(List<Long> pids, Duration grace) {
        List<ProcessHandle> handles =
                pids.stream().flatMap(pid -> ProcessHandle.of(pid).stream()).toList();
        handles.forEach(ProcessHandle::destroy);
        if (!awaitExit(handles, grace)) {
            handles.forEach(ProcessHandle::destroyForcibly);
            if (!awaitExit(handles, KILL)) {
                List<Long> left = handles.stream()
                        .filter(ProcessHandle::isAlive)
                        .map(ProcessHandle::pid)
                        .toList();
                throw new LaunchException("the processes " + left
                        + " do not end although they were killed; they may belong to another user");
            }
        }
        return handles.size();
    }

    private static boolean awaitExit(List<ProcessHandle> handles, Duration limit) {
        CompletableFuture<?> all = CompletableFuture.allOf(
                handles.stream().map(ProcessHandle::onExit).toArray(CompletableFuture<?>[]::new));
        try {
            all.get(limit.toMillis(), TimeUnit.MILLISECONDS);
            return true;
        } catch (TimeoutException e) {
            return false;
        } catch (InterruptedException e) {
            // Whoever interrupts wants an end, not a wait: go on to the kill.
            Thread.currentThread().interrupt();
            return false;
        } catch (ExecutionException e) {
            throw new LaunchException("the end of the processes cannot be awaited: " + e.getMessage(), e);
        }
    }
}
