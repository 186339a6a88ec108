package io.baton.cli.k8s;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** The environment of a pod's container, from the base that is committed. */
public final class PodEnvironment {
    private PodEnvironment() {}

    /** What the container of a service gets, in a pod of this address. */
    public static Map<String, String> of(String service, String address) throws IOException {
        Manifests base = Manifests.parse(Files.readString(
                Kustomize.root().resolve("k8s/base").resolve(service).resolve("kubernetes.yml")));
        Map<String, String> environment = new HashMap<>(
                base.environment(base.pod("modelservice-" + service).baton()));
        environment.replaceAll((_, value) -> value.replace("$(BATON_POD_IP)", address));
        return environment;
    }

    /**
     * What the container of a service gets in the overlay for machines without a GPU, with keys and certificates, whose
     * files are written below {@code secrets} and named there. Skips the test where there is no kustomize.
     */
    public static Map<String, String> secured(String service, Path secrets) throws IOException {
        Manifests all = Kustomize.build(Overlay.SECURED_CPU);
        Manifests.Pod pod = all.pod("modelservice-" + service);
        Map<String, String> environment = new HashMap<>(all.environment(pod.baton()));
        Files.createDirectories(secrets);
        Map<String, String> settings = Secrets.settings(all, pod);
        Set<String> names = new TreeSet<>(Secrets.fileSettings(pod));
        names.add(Secrets.SETTINGS_FILE);
        Map<String, String> moved = new HashMap<>();
        for (String name : names) {
            String path = settings.getOrDefault(name, "");
            Path file = secrets.resolve(path.substring(path.lastIndexOf('/') + 1));
            Files.writeString(file, Secrets.file(all, pod, path).orElseThrow());
            moved.put(path, file.toString());
        }
        environment.replaceAll((_, value) -> moved.getOrDefault(value, value));
        // The file of settings names the others.
        Path file = Path.of(environment.getOrDefault(Secrets.SETTINGS_FILE, ""));
        String text = Files.readString(file);
        for (Map.Entry<String, String> move : moved.entrySet()) {
            text = text.replace(move.getKey(), move.getValue());
        }
        Files.writeString(file, text);
        return environment;
    }
}
