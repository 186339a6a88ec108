package io.baton.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class MainTest {
    private final StringWriter output = new StringWriter();
    private final CommandLine line =
            Main.commandLine().setOut(new PrintWriter(output)).setErr(new PrintWriter(output));

    @Test
    void shouldListTheCommands() {
        // When
        int status = line.execute("--help");

        // Then
        assertThat(status).isZero();
        assertThat(output.toString()).contains("up ", "down ", "status ", "generate ", "bench ", "build", "test");
    }

    @ParameterizedTest
    @ValueSource(strings = {"up", "down", "status", "generate", "bench", "keys"})
    void shouldExplainEveryOptionOfACommand(String command) {
        // When
        int status = line.execute(command, "--help");

        // Then
        assertThat(status).isZero();
        List<CommandLine.Model.OptionSpec> options = Objects.requireNonNull(
                        line.getSubcommands().get(command))
                .getCommandSpec()
                .options();
        assertThat(options).allSatisfy(option -> {
            assertThat(option.description()).as(option.longestName()).isNotEmpty();
            assertThat(output.toString()).contains(option.longestName());
        });
    }

    @Test
    void shouldSayWhatIsWrongWithAnOption() {
        // When
        int status = line.execute("up", "--flash-attn", "perhaps");

        // Then
        assertThat(status).isEqualTo(2);
        assertThat(output.toString()).contains("--flash-attn", "perhaps");
    }

    @Test
    void shouldRefuseAnUnknownEngine() {
        // When
        int status = line.execute("up", "--engine", "magic");

        // Then
        assertThat(status).isEqualTo(1);
        assertThat(output.toString()).contains("--engine magic is not known", "llamacpp, simulated");
    }

    @Test
    void shouldRefuseATransposedQuantisedCache() {
        // When
        int status = line.execute("up", "--kv-type", "q8_0", "--flash-attn", "off");

        // Then
        assertThat(status).isEqualTo(1);
        assertThat(output.toString()).contains("--kv-type q8_0 needs --flash-attn on");
    }
}
