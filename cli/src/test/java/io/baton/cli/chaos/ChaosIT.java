package io.baton.cli.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.cli.launch.EngineSpec;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** A thousand requests with a fault every two seconds: {@code ./baton chaos} for as long as a build can wait. */
@Tag("process")
class ChaosIT {
    private static final Path ROOT =
            Path.of(System.getProperty("baton.root", "..")).toAbsolutePath().normalize();
    private static final int REQUESTS = 1000;
    private static final double RATE = 7;

    @Test
    void shouldAnswerEveryAdmittedRequestAsIfNothingHadHappened() {
        // When
        ChaosReport report = ChaosRun.run(
                ChaosCommand.fleet(ROOT, EngineSpec.llamacpp(ROOT.resolve("demo-model/baton-demo-3m-f32.gguf")))
                        .runs(ROOT.resolve("cli/target/process-runs"))
                        .executables(Boolean.getBoolean("baton.native")),
                new ChaosRun.Plan(
                        REQUESTS,
                        Duration.ZERO,
                        60,
                        RATE,
                        Duration.ofSeconds(2),
                        Duration.ofMinutes(2),
                        20_261_126,
                        null),
                System.out::println);
        report.print(new PrintWriter(System.out, true, StandardCharsets.UTF_8));

        // Then
        assertThat(report.wrong()).isEmpty();
        assertThat(report.clients().requests()).isGreaterThanOrEqualTo(REQUESTS);
    }
}
