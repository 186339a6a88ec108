package io.baton.router.discovery;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ResolvConfTest {
    private static ResolvConf pod() {
        return new ResolvConf(List.of("10.96.0.10"), List.of("ns.svc.cluster.local", "svc.cluster.local"), 5);
    }

    @Test
    void shouldReadWhatKubernetesWritesIntoAPod(@TempDir Path directory) throws IOException {
        // Given
        Path file = Files.writeString(directory.resolve("resolv.conf"), """
                # a comment
                search ns.svc.cluster.local svc.cluster.local
                nameserver 10.96.0.10 ; another
                nameserver fd00::a

                options ndots:5 timeout:1
                """);
        // When
        ResolvConf conf = ResolvConf.read(file);
        // Then
        assertThat(conf)
                .isEqualTo(new ResolvConf(
                        List.of("10.96.0.10", "fd00::a"), List.of("ns.svc.cluster.local", "svc.cluster.local"), 5));
    }

    @Test
    void shouldTakeAFileThatIsMissingAsOneThatNamesNothing(@TempDir Path directory) {
        assertThat(ResolvConf.read(directory.resolve("none"))).isEqualTo(new ResolvConf(List.of(), List.of(), 1));
    }

    @Test
    void shouldTryTheSearchListFirstForAShortName() {
        assertThat(pod().candidates("modelservice-prefill"))
                .containsExactly(
                        "modelservice-prefill.ns.svc.cluster.local.",
                        "modelservice-prefill.svc.cluster.local.",
                        "modelservice-prefill.");
    }

    @Test
    void shouldTryANameWithEnoughDotsAsItIsFirst() {
        assertThat(new ResolvConf(List.of(), List.of("example."), 1).candidates("a.b"))
                .containsExactly("a.b.", "a.b.example.");
    }

    @Test
    void shouldTakeANameThatEndsWithADotAsComplete() {
        assertThat(pod().candidates("a.b.")).containsExactly("a.b.");
    }
}
