package io.baton.cli.launch;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Ends a run's processes when the launcher is gone, however it went. A shell in a session of its own reads from a pipe that
 * only the launcher holds: the kernel closes it even when the launcher is killed outright, and the shell then ends
 * whatever carries the run's marker. A line on the pipe lets the shell go and the processes live. Needs a POSIX shell, grep and /proc, and watches without polling.
 *
 * <p><em>Thread-safety:</em> {@link #close()} may be called by any thread.
 */
final class Watchdog implements AutoCloseable {
    /** 50 × 0.1 s between the request and the kill. The marker is read from stdin so that grep does not find itself. */
    private static final String SCRIPT = """
            trap '' HUP INT TERM
            read -r released && exit 0
            marked() { printf '%s' "$BATON_MARKER" | grep -laFf - /proc/[0-9]*/cmdline 2> /dev/null | cut -d/ -f3; }
            signal() { for pid in $(marked); do kill "-$1" "$pid" 2> /dev/null; done; }
            signal TERM
            i=0
            while [ "$i" -lt 50 ] && [ -n "$(marked)" ]; do sleep 0.1; i=$((i + 1)); done
            signal KILL
            """;

    private static final long CLOSE_SECONDS = 5;

    private final Process shell;

    private Watchdog(Process shell) {
        this.shell = shell;
    }

    static Watchdog start(String run) {
        List<String> command = new ArrayList<>();
        if (CommandLines.onPath("setsid")) {
            command.add("setsid");
        }
        command.addAll(List.of("sh", "-c", SCRIPT));
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .redirectError(ProcessBuilder.Redirect.DISCARD);
        builder.environment().put("BATON_MARKER", CommandLines.MARKER + run);
        try {
            return new Watchdog(builder.start());
        } catch (IOException e) {
            throw new LaunchException("the watchdog, a shell, cannot be started: " + e.getMessage(), e);
        }
    }

    /** Lets it go: the run's processes have ended, or are to go on by themselves. */
    @Override
    public void close() {
        try {
            shell.getOutputStream().write('\n');
            shell.getOutputStream().close();
            if (!shell.waitFor(CLOSE_SECONDS, TimeUnit.SECONDS)) {
                shell.destroyForcibly();
            }
        } catch (IOException e) {
            // Its end of the pipe is gone, so it has ended.
            shell.destroyForcibly();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            shell.destroyForcibly();
        }
    }
}
