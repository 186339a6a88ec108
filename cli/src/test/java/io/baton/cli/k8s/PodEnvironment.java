package io.baton.cli.k8s;

import java.io.IOException;
import java.nio.file.Files;
import java.util.HashMap;
import java.util.Map;

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
}
