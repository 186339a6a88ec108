package io.baton.cli.k8s;

import static io.baton.cli.k8s.Manifests.each;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.baton.cli.k8s.Manifests.Pod;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** The Secrets that a deployment mounts, and the settings that name files in them. */
final class Secrets {
    /** Names a file with settings whose names are no environment variables. */
    static final String SETTINGS_FILE = "QUARKUS_CONFIG_LOCATIONS";

    /** The settings of Quarkus' TLS registry that name a service's certificates. */
    static final Set<String> TLS_FILES = Set.of(
            "quarkus.tls.baton.key-store.pem.0.cert",
            "quarkus.tls.baton.key-store.pem.0.key",
            "quarkus.tls.baton.trust-store.pem.certs");

    private Secrets() {}

    /** The settings of a service that name files of Secrets in an overlay with keys. */
    static Set<String> fileSettings(Pod pod) {
        Set<String> settings = new LinkedHashSet<>(TLS_FILES);
        settings.add(pod.isWorker() ? "BATON_KV_KEYS_FILE" : "BATON_ROUTER_API_KEYS");
        return settings;
    }

    /** The environment of a service, and what the file of settings says that it names. */
    static Map<String, String> settings(Manifests all, Pod pod) {
        Map<String, String> settings = new LinkedHashMap<>(all.environment(pod.baton()));
        file(all, pod, settings.getOrDefault(SETTINGS_FILE, ""))
                .ifPresent(text -> text.lines()
                        .filter(line -> !line.startsWith("#"))
                        .map(line -> line.split("=", 2))
                        .forEach(pair -> settings.put(pair[0], pair[1])));
        return settings;
    }

    /** What the file has that a container sees at {@code path}, if a Secret that it mounts has it. */
    static Optional<String> file(Manifests all, Pod pod, String path) {
        ObjectNode container = pod.baton();
        int slash = path.lastIndexOf('/');
        if (slash < 0) {
            return Optional.empty();
        }
        return each(container.path("volumeMounts"))
                .filter(m -> m.path("mountPath").asText().equals(path.substring(0, slash)))
                .flatMap(m -> each(pod.spec().path("volumes"))
                        .filter(v -> v.path("name").equals(m.path("name"))))
                .flatMap(v -> all.find("Secret", v.at("/secret/secretName").asText()).stream())
                .map(s -> s.path("data").path(path.substring(slash + 1)))
                .filter(JsonNode::isTextual)
                .map(d -> new String(Base64.getMimeDecoder().decode(d.asText()), StandardCharsets.UTF_8))
                .findFirst();
    }

    /** What is wrong with the files that settings name, and with how services are told to talk to each other. */
    static List<String> problems(Manifests all, Overlay overlay) {
        List<String> problems = new ArrayList<>();
        for (Pod pod : all.pods()) {
            Map<String, String> environment = settings(all, pod);
            String mode = environment.getOrDefault("BATON_TLS_MODE", "");
            if (!mode.equals(overlay.secured() ? "mtls" : "plaintext")) {
                problems.add(pod.name() + " has BATON_TLS_MODE '" + mode + "'");
            }
            for (String setting : fileSettings(pod)) {
                String path = environment.get(setting);
                if (path == null && overlay.secured()) {
                    problems.add(pod.name() + " has no " + setting);
                } else if (path != null && file(all, pod, path).isEmpty()) {
                    problems.add(pod.name() + ": " + setting + " is " + path + ", which no mounted Secret has");
                }
            }
            for (JsonNode volume : pod.spec().path("volumes")) {
                JsonNode secret = volume.path("secret");
                // The process is not root, so it reads by its group, and nobody else need read.
                if (secret.isObject() && secret.path("defaultMode").asInt() != 0440) {
                    problems.add(pod.name() + " mounts " + secret.path("secretName") + " with mode "
                            + Integer.toOctalString(secret.path("defaultMode").asInt()) + ", not 440");
                }
            }
        }
        return problems;
    }
}
