package io.baton.cli.k8s;

import org.jspecify.annotations.Nullable;

/** The overlays, and what each promises. */
enum Overlay {
    PD_DISAGGREGATION("kustomize/overlays/examples/pd-disaggregation", null, true),
    EMBEDDED_GPU("overlays/embedded-gpu", null, true),
    CPU("overlays/cpu", null, false),
    MONITORING("overlays/monitoring", EMBEDDED_GPU, true),
    AUTOSCALING("overlays/autoscaling", EMBEDDED_GPU, true),
    SECURED_PD_DISAGGREGATION("overlays/secured/pd-disaggregation", null, true),
    SECURED_EMBEDDED_GPU("overlays/secured/embedded-gpu", null, true),
    SECURED_CPU("overlays/secured/cpu", null, false);

    private final String path;
    private final @Nullable Overlay beside;
    private final boolean gpu;

    Overlay(String path, @Nullable Overlay beside, boolean gpu) {
        this.path = path;
        this.beside = beside;
        this.gpu = gpu;
    }

    /** Its directory below k8s. */
    String path() {
        return path;
    }

    /** The overlay that it is checked together with, because it is no deployment by itself; null for one that is. */
    @Nullable
    Overlay beside() {
        return beside;
    }

    /** Whether each worker pod has a GPU, and the sizes that go with it. */
    boolean gpu() {
        return gpu;
    }

    /** Whether vLLM computes. */
    boolean vllm() {
        return this == PD_DISAGGREGATION || this == SECURED_PD_DISAGGREGATION;
    }

    /** Whether its services have certificates, keys and API keys, which ./baton keys writes. */
    boolean secured() {
        return name().startsWith("SECURED_");
    }

    /** Whether it says that it needs custom resource definitions. */
    boolean needsDefinitions() {
        return this == MONITORING;
    }
}
