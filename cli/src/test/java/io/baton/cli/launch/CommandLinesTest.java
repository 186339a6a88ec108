package io.baton.cli.launch;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class CommandLinesTest {
    private static final Path ROOT = Path.of("/project");
    private static final CorePlan CORES =
            new CorePlan(List.of(List.of(0, 1), List.of(2, 3), List.of(4, 5)), List.of(6), 2, false);

    private static List<CommandLines.Planned> plan(FleetSpec spec) {
        return CommandLines.plan(spec, 8080, CORES, "/runs/8080/ab");
    }

    private static FleetSpec.Builder spec() {
        return FleetSpec.builder(ROOT, EngineSpec.llamacpp(Path.of("/models/m.gguf")))
                .workers(1, 2);
    }

    @Test
    void shouldTellTheRouterWhereTheWorkersListen() {
        // When
        List<CommandLines.Planned> plan = plan(spec().build());

        // Then
        assertThat(plan)
                .extracting(CommandLines.Planned::name)
                .containsExactly("prefill-0", "decode-0", "decode-1", "router");
        assertThat(plan.getLast().arguments())
                .contains(
                        "-Dbaton.router.prefill-workers=127.0.0.1:8091",
                        "-Dbaton.router.decode-workers=127.0.0.1:8093,127.0.0.1:8095",
                        "-Dquarkus.http.port=8080",
                        "-Dquarkus.grpc.server.port=8081");
        assertThat(plan.get(1).arguments())
                .contains("-Dquarkus.http.port=8092", "-Dquarkus.grpc.server.port=8093", "-Dbaton.worker.id=decode-0");
    }

    @Test
    void shouldPlanAFleetWithoutPrefill() {
        // When
        List<CommandLines.Planned> plan = plan(spec().workers(0, 2).build());

        // Then
        assertThat(plan).extracting(CommandLines.Planned::name).containsExactly("decode-0", "decode-1", "router");
        assertThat(plan.getLast().arguments())
                .contains("-Dbaton.router.decode-workers=127.0.0.1:8091,127.0.0.1:8093")
                .noneMatch(a -> a.contains("prefill-workers"));
    }

    @Test
    void shouldMarkEveryProcessWithItsRun() {
        assertThat(plan(spec().build())).allMatch(p -> p.arguments().contains("-Dbaton.run=/runs/8080/ab"));
    }

    @Test
    void shouldGiveEveryWorkerTheSameEngine() {
        assertThat(plan(spec().blockSize(64).build()).subList(0, 3))
                .allSatisfy(p -> assertThat(p.arguments())
                        .contains(
                                "-Dbaton.engine.kind=llamacpp",
                                "-Dbaton.engine.model=/models/m.gguf",
                                "-Dbaton.engine.model-name=m",
                                "-Dbaton.engine.kv-type=f16",
                                "-Dbaton.engine.flash-attention=true",
                                "-Dbaton.engine.ctx-size=16384",
                                "-Dbaton.engine.threads=2",
                                "-Dbaton.kv.block-size=64"));
    }

    @Test
    void shouldLetSettingsWinAndThoseOfARoleWinOverThoseOfAll() {
        // When
        List<CommandLines.Planned> plan = plan(spec().setting("baton.engine.threads", "1")
                .setting("baton.kv.store-size", "64M")
                .setting(Role.DECODE, "baton.kv.store-size", "32M")
                .build());

        // Then
        assertThat(plan.get(0).arguments())
                .contains("-Dbaton.engine.threads=1", "-Dbaton.kv.store-size=64M")
                .doesNotContain("-Dbaton.engine.threads=2");
        assertThat(plan.get(1).arguments())
                .contains("-Dbaton.kv.store-size=32M")
                .doesNotContain("-Dbaton.kv.store-size=64M");
    }

    @Test
    void shouldGiveEveryProcessACertificateOfItsOwnOrSayThatThereIsNone() {
        // When
        List<CommandLines.Planned> certified =
                plan(spec().mtls(true).runs(Path.of("/runs")).build());
        List<CommandLines.Planned> plain = plan(spec().build());

        // Then
        assertThat(certified)
                .allSatisfy(p -> assertThat(p.arguments())
                        .contains(
                                "-Dbaton.tls.mode=mtls",
                                "-Dquarkus.tls.baton.key-store.pem.0.cert=/runs/8080/tls/" + p.name() + ".crt",
                                "-Dquarkus.tls.baton.key-store.pem.0.key=/runs/8080/tls/" + p.name() + ".key",
                                "-Dquarkus.tls.baton.trust-store.pem.certs=/runs/8080/tls/ca.crt"));
        assertThat(plain)
                .allSatisfy(p -> assertThat(p.arguments())
                        .contains("-Dbaton.tls.mode=plaintext")
                        .noneMatch(a -> a.contains("quarkus.tls")));
    }

    @Test
    void shouldPinEachProcessToItsCores() {
        // Given: a machine without taskset starts them unpinned
        org.junit.jupiter.api.Assumptions.assumeTrue(CommandLines.onPath("taskset"), "skipped: there is no taskset");

        // Then
        assertThat(plan(spec().build()).get(1).arguments()).containsSubsequence("taskset", "-c", "2,3");
        assertThat(plan(spec().build()).getLast().arguments()).containsSubsequence("taskset", "-c", "6");
    }

    @Test
    void shouldKeepTheSecondCompilerAwayWhereNoCoreIsLeftOverForIt() {
        // Given: three workers on three cores
        CorePlan full = new CorePlan(List.of(List.of(0), List.of(1), List.of(2)), List.of(), 1, false);

        // Then
        assertThat(CommandLines.plan(spec().build(), 8080, full, "/runs/8080/ab"))
                .allMatch(p -> p.arguments().contains("-XX:TieredStopAtLevel=1"));
        assertThat(plan(spec().build())).noneMatch(p -> p.arguments().contains("-XX:TieredStopAtLevel=1"));
    }

    @Test
    void shouldStartExecutablesWithTheSameSettingsAndTheSameHeap() {
        // When
        List<String> jvm = plan(spec().build()).getFirst().arguments();
        List<String> executable =
                plan(spec().executables(true).build()).getFirst().arguments();

        // Then
        assertThat(executable)
                .contains("/project/prefill-service/target/prefill-service")
                .doesNotContain("-jar", "-XX:+UseSerialGC");
        assertThat(jvm).contains("-jar", "/project/prefill-service/target/quarkus-app/quarkus-run.jar");
        assertThat(limitsAndSettings(executable)).isEqualTo(limitsAndSettings(jvm));
    }

    private static List<String> limitsAndSettings(List<String> arguments) {
        return arguments.stream()
                .filter(a -> a.startsWith("-D") || a.startsWith("-Xmx") || a.contains("OutOfMemory"))
                .toList();
    }
}
