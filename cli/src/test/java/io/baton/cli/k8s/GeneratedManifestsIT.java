package io.baton.cli.k8s;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The committed base is what the build generates. */
@Tag("process")
class GeneratedManifestsIT {
    private static Manifests built(String service) throws IOException {
        Path file = Kustomize.root().resolve(service + "-service/target/kubernetes/kubernetes.yml");
        assertThat(file).as("the build of %s-service writes it", service).exists();
        return Manifests.parse(Files.readString(file));
    }

    private static Path base(String service) {
        return Kustomize.root().resolve("k8s/base").resolve(service);
    }

    @ParameterizedTest
    @ValueSource(strings = {"prefill", "decode", "router"})
    void shouldBeCommittedAsItIsGenerated(String service) throws IOException {
        // When
        Manifests committed = Manifests.parse(Files.readString(base(service).resolve("kubernetes.yml")));

        // Then
        assertThat(Meaning.of(committed))
                .as(
                        "k8s/base/%s differs from what the build makes; run ./baton k8s, look at the difference, commit it",
                        service)
                .isEqualTo(Meaning.of(built(service)));
        assertThat(base(service).resolve("README.md")).content().contains("Generated, do not edit", "./baton k8s");
    }

    private static void assertDifferent(Consumer<Manifests> change) throws IOException {
        Manifests changed = built("prefill");
        change.accept(changed);
        assertThat(Meaning.of(changed)).isNotEqualTo(Meaning.of(built("prefill")));
    }

    @Test
    void shouldSeeWhatMakesADifference() throws IOException {
        assertDifferent(all ->
                ((ObjectNode) all.get("Deployment", "modelservice-prefill").path("spec")).put("replicas", 7));
        assertDifferent(all -> ((ObjectNode)
                        all.get("ConfigMap", "modelservice-prefill-settings").path("data"))
                .put("BATON_KV_STORE_SIZE", "5G"));
        assertDifferent(all -> all.objects().remove(all.get("PodDisruptionBudget", "modelservice-prefill")));
        assertDifferent(all -> {
            ArrayNode variables =
                    (ArrayNode) all.pod("modelservice-prefill").baton().path("env");
            variables.add(variables.remove(0));
        });
    }

    @Test
    void shouldNotSeeAnOrderThatMeansNothing() throws IOException {
        // Given
        Manifests other = built("prefill");

        // When
        other.objects().add(other.objects().removeFirst());
        ArrayNode ports = (ArrayNode) other.pod("modelservice-prefill").baton().path("ports");
        ports.add(ports.remove(0));

        // Then
        assertThat(Meaning.of(other)).isEqualTo(Meaning.of(built("prefill")));
    }
}
