package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.cli.launch.EngineSpec;
import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.Role;
import io.baton.cli.launch.RunState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a supervisor sees of a service: how it ends, and what it writes. The same on a JVM and as an executable. */
@Tag("process")
class SupervisionIT {
    /** 128 and the number of SIGTERM: what a shell reports of a process that a signal ended. */
    private static final int TERMINATED = 143;

    private static final String WORKER_LINE =
            "\\d\\d:\\d\\d:\\d\\d\\.\\d{3} (INFO |WARN |ERROR|DEBUG) \\[.+] \\(.+\\) .+";
    private static final String ROUTER_LINE =
            "\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d,\\d{3} (INFO |WARN |ERROR|DEBUG) \\[.+] .+";

    @BeforeAll
    static void leaveTheMachineToTheseFleets() {
        SharedFleet.close();
    }

    /** Where no file can be made, as in a container with a read-only root. */
    private static final String NO_DIRECTORY = "/proc/none";

    private static Fleet start() {
        return Fleet.start(
                SharedFleet.spec(EngineSpec.simulated())
                        .setting("baton.engine.simulated.speed", "100")
                        .setting("java.io.tmpdir", NO_DIRECTORY)
                        .setting("user.home", NO_DIRECTORY)
                        .build(),
                line -> {});
    }

    @ParameterizedTest
    @EnumSource(Role.class)
    void shouldEndInOrderAndSayThatASignalAskedForIt(Role role) {
        try (Fleet fleet = start()) {
            // When
            fleet.signal(fleet.services(role).getFirst(), "TERM");

            // Then
            assertThat(fleet.awaitFailure())
                    .contains(role.label())
                    .contains("ended with status " + TERMINATED)
                    .contains("stopped in");
        }
    }

    @Test
    void shouldWriteItsLogInOneForm() throws IOException {
        try (Fleet fleet = start()) {
            for (RunState.Service service : fleet.state().services()) {
                // When: a message of several lines goes on in lines that do not begin with a time
                List<String> lines = Files.readAllLines(Path.of(service.log())).stream()
                        .filter(line -> !line.isEmpty() && Character.isDigit(line.charAt(0)))
                        .toList();

                // Then
                assertThat(lines)
                        .as(service.name())
                        .isNotEmpty()
                        .allSatisfy(line ->
                                assertThat(line).matches(service.role() == Role.ROUTER ? ROUTER_LINE : WORKER_LINE));
                // The runtime's own warnings are no log of the service; a JVM warns of the temporary directory of
                // start().
                assertThat(Files.readAllLines(Path.of(service.log())))
                        .filteredOn(line -> line.contains("WARNING:"))
                        .allSatisfy(line -> assertThat(line).contains("java.io.tmpdir"));
            }
        }
    }

    @Test
    void shouldComeBackWhenItIsStartedAgain() {
        try (Fleet fleet = start();
                Client client = new Client(fleet.grpcAddress())) {
            List<Integer> before =
                    client.generate(Client.endless(Prompts.random(1, 20), 8)).ids();

            // When
            for (Role role : Role.values()) {
                fleet.restart(fleet.services(role).getFirst());
            }
            Await.untilEmpty(() -> fleet.ready(fleet.router()) ? "" : "the router is not ready");

            // Then
            assertThat(client.generate(Client.endless(Prompts.random(1, 20), 8)).ids())
                    .isEqualTo(before);
        }
    }
}
