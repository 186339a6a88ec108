package io.baton.cli.launch;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RunStateTest {
    @TempDir
    private Path runs = Path.of("");

    private static RunState state(int port, RunState.Identity identity) {
        RunState.Service router = new RunState.Service(
                "router", Role.ROUTER, identity, "127.0.0.1", port, port + 1, List.of(0, 1), "/tmp/router.log");
        return new RunState(
                "/runs/" + port + "/1f",
                1,
                "127.0.0.1",
                port,
                "simulated",
                "m",
                RunState.Identity.NONE,
                List.of(router));
    }

    @Test
    void shouldReadWhatItWrote() {
        // Given
        RunState written =
                state(8080, RunState.Identity.of(ProcessHandle.current().pid()));

        // When
        written.save(runs);

        // Then
        assertThat(RunState.load(runs, 8080)).contains(written);
        assertThat(RunState.loadAll(runs)).containsExactly(written);
        assertThat(written.alive()).isTrue();
    }

    @Test
    void shouldCallARunEndedWhenItsPidBelongsToALaterProcess() {
        // Given: this process's pid, with another start
        long pid = ProcessHandle.current().pid();
        RunState.Identity earlier =
                new RunState.Identity(pid, RunState.Identity.of(pid).startTicks() - 1);

        // Then
        assertThat(state(8080, earlier).alive()).isFalse();
    }

    @Test
    void shouldCallARunWithoutProcessesEnded() throws Exception {
        // Given
        Process process = new ProcessBuilder("true").start();
        RunState.Identity identity = RunState.Identity.of(process.pid());

        // When
        process.waitFor();

        // Then
        assertThat(state(8080, identity).alive()).isFalse();
    }

    @Test
    void shouldTakeAFileThatIsCutShortForNone() throws IOException {
        // Given
        state(8080, RunState.Identity.NONE).save(runs);
        Path file = runs.resolve("8080/state.json");
        Files.writeString(file, Files.readString(file).substring(0, 40));

        // Then
        assertThat(RunState.load(runs, 8080)).isEmpty();
    }

    @Test
    void shouldForgetARunAndKeepItsLogs() throws IOException {
        // Given
        state(8080, RunState.Identity.NONE).save(runs);
        Path log = Files.writeString(runs.resolve("8080/router.log"), "a line");

        // When
        RunState.delete(runs, 8080);

        // Then
        assertThat(RunState.loadAll(runs)).isEmpty();
        assertThat(log).exists();
    }
}
