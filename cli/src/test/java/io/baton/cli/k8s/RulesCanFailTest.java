package io.baton.cli.k8s;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** A check that cannot fail checks nothing: each rule is shown a manifest that breaks it, and must say so. */
class RulesCanFailTest {
    private static final String PREFILL = "modelservice-prefill";
    private static final String DECODE = "modelservice-decode";
    private static final String ROUTER = "modelservice-router";

    /**
     * A change that makes a good manifest a bad one.
     *
     * @param says what the rule must say of it
     */
    record Mutation(String what, Rule rule, Overlay of, Consumer<Manifests> change, String says) {
        @Override
        public String toString() {
            return rule + ": " + what;
        }
    }

    private static Mutation pd(String what, Rule rule, String says, Consumer<Manifests> change) {
        return new Mutation(what, rule, Overlay.PD_DISAGGREGATION, change, says);
    }

    private static Mutation gpu(String what, Rule rule, String says, Consumer<Manifests> change) {
        return new Mutation(what, rule, Overlay.EMBEDDED_GPU, change, says);
    }

    private static Mutation secured(String what, Rule rule, String says, Consumer<Manifests> change) {
        return new Mutation(what, rule, Overlay.SECURED_EMBEDDED_GPU, change, says);
    }

    private static ObjectNode object(JsonNode from, String pointer) {
        return (ObjectNode) from.at(pointer);
    }

    private static ObjectNode container(Manifests all, String deployment, String name) {
        return all.pod(deployment).container(name).orElseThrow();
    }

    private static ObjectNode vllm(Manifests all) {
        return container(all, PREFILL, "vllm");
    }

    private static ObjectNode proxy(Manifests all) {
        return container(all, PREFILL, "routing-proxy");
    }

    private static void remove(Manifests all, String kind, String name) {
        all.objects().remove(all.get(kind, name));
    }

    private static void argument(Manifests all, String begin, String... instead) {
        ArrayNode arguments = (ArrayNode) vllm(all).path("args");
        for (int i = 0; i < arguments.size(); i++) {
            if (arguments.get(i).asText().startsWith(begin)) {
                arguments.remove(i);
                for (String each : instead) {
                    arguments.insert(i, each);
                }
                return;
            }
        }
        throw new AssertionError("no argument begins with " + begin);
    }

    private static ObjectNode newObject(String apiVersion, String kind, String name) {
        ObjectNode object = JsonNodeFactory.instance.objectNode();
        object.put("apiVersion", apiVersion).put("kind", kind);
        object.putObject("metadata").put("name", name);
        return object;
    }

    private static ObjectNode settings(Manifests all, String of) {
        return object(all.get("ConfigMap", of + "-settings"), "/data");
    }

    /** The environment variable of a container. */
    private static ObjectNode variable(ObjectNode container, String name) {
        return Manifests.each(container.path("env"))
                .filter(e -> e.path("name").asText().equals(name))
                .map(ObjectNode.class::cast)
                .findFirst()
                .orElseThrow();
    }

    static Stream<Mutation> mutations() {
        return Stream.of(theDefectsOfTheExample(), pods(), references(), meaning(), safety(), secrets())
                .flatMap(List::stream);
    }

    /** What was wrong with the example that this project began with. */
    private static List<Mutation> theDefectsOfTheExample() {
        return List.of(
                pd(
                        "the proxy as an init container that never ends",
                        Rule.NO_BLOCKING_INIT_CONTAINER,
                        "must end before",
                        all -> {
                            ObjectNode spec = all.pod(PREFILL).spec();
                            spec.putArray("initContainers").add(proxy(all).deepCopy());
                        }),
                pd(
                        "vLLM at the port of the proxy",
                        Rule.PORTS_UNIQUE_PER_POD,
                        "belongs to",
                        all -> ((ObjectNode) vllm(all).at("/ports/0")).put("containerPort", 9100)),
                pd("a volume that is not mounted", Rule.EVERYTHING_MOUNTED_AND_USED, "no container mounts", all -> {
                    ArrayNode volumes = (ArrayNode) all.pod(PREFILL).spec().path("volumes");
                    volumes.addObject()
                            .put("name", "config")
                            .putObject("configMap")
                            .put("name", PREFILL + "-settings");
                }),
                pd(
                        "a ConfigMap that nothing uses",
                        Rule.EVERYTHING_MOUNTED_AND_USED,
                        "no pod uses ConfigMap/unused",
                        all -> all.objects().add(newObject("v1", "ConfigMap", "unused"))),
                pd("vLLM without a model", Rule.MODEL_GIVEN, "which model", all -> argument(all, "Qwen/")),
                pd(
                        "no Service",
                        Rule.SERVICES_FOR_EVERY_DEPLOYMENT,
                        "no Service with ports",
                        all -> remove(all, "Service", ROUTER)),
                pd(
                        "no probe",
                        Rule.PROBES_AT_PORTS_THAT_EXIST,
                        "vllm readinessProbe is missing",
                        all -> vllm(all).remove("readinessProbe")),
                pd(
                        "a kind that needs a definition",
                        Rule.NO_CUSTOM_KINDS_UNLESS_SAID,
                        "InferencePool/pool",
                        all -> all.objects()
                                .add(newObject("inference.networking.x-k8s.io/v1alpha2", "InferencePool", "pool"))),
                gpu(
                        "a kind that another overlay may have",
                        Rule.NO_CUSTOM_KINDS_UNLESS_SAID,
                        "PodMonitor/m",
                        all -> all.objects().add(newObject("monitoring.coreos.com/v1", "PodMonitor", "m"))),
                pd(
                        "two model labels",
                        Rule.LABELS_CONSISTENT,
                        "has the values [other, qwen3-8b]",
                        all -> object(all.get("Deployment", DECODE), "/spec/template/metadata/labels")
                                .put("llm-d.ai/model", "other")));
    }

    private static List<Mutation> pods() {
        return List.of(
                gpu(
                        "a field that does not exist",
                        Rule.VALID_AGAINST_THE_SCHEMA,
                        "gracePeriod",
                        all -> all.pod(PREFILL).spec().put("gracePeriod", 1)),
                gpu(
                        "a field in a container that does not exist",
                        Rule.VALID_AGAINST_THE_SCHEMA,
                        "livenesProbe",
                        all -> all.pod(PREFILL).baton().putObject("livenesProbe")),
                gpu(
                        "text where a number belongs",
                        Rule.VALID_AGAINST_THE_SCHEMA,
                        PREFILL,
                        all -> object(all.get("Deployment", PREFILL), "/spec").put("replicas", "three")),
                gpu(
                        "a container without a name",
                        Rule.VALID_AGAINST_THE_SCHEMA,
                        "name",
                        all -> all.pod(PREFILL).baton().remove("name")),
                gpu("a wrong field in a HorizontalPodAutoscaler", Rule.VALID_AGAINST_THE_SCHEMA, "replicas", all -> {
                    ObjectNode hpa = newObject("autoscaling/v2", "HorizontalPodAutoscaler", "h");
                    hpa.putObject("spec")
                            .put("maxReplicas", 2)
                            .put("replicas", 1)
                            .putObject("scaleTargetRef");
                    all.objects().add(hpa);
                }),
                gpu(
                        "an object twice",
                        Rule.NAMES_UNIQUE,
                        "is there twice",
                        all -> all.objects().add(all.get("Service", ROUTER).deepCopy())),
                gpu(
                        "a number as text, as quarkus.kubernetes.rolling-update writes it",
                        Rule.NUMBERS_OR_PERCENTAGES,
                        "neither a number",
                        all -> object(all.get("Deployment", PREFILL), "/spec/strategy/rollingUpdate")
                                .put("maxSurge", "0")),
                pd(
                        "two ports of one name",
                        Rule.PORTS_UNIQUE_PER_POD,
                        "the port name",
                        all -> ((ObjectNode) vllm(all).at("/ports/0")).put("name", "http")),
                gpu(
                        "a probe at a port that is not there",
                        Rule.PROBES_AT_PORTS_THAT_EXIST,
                        "does not have",
                        all -> object(all.pod(DECODE).baton(), "/readinessProbe/grpc")
                                .put("port", 9999)),
                pd(
                        "an HTTP probe at a port that is not there",
                        Rule.PROBES_AT_PORTS_THAT_EXIST,
                        "does not have",
                        all -> object(vllm(all), "/livenessProbe/httpGet").put("port", "web")),
                gpu(
                        "a liveness that goes off in a drain",
                        Rule.PROBES_AT_PORTS_THAT_EXIST,
                        "readiness goes off",
                        all -> object(all.pod(DECODE).baton(), "/livenessProbe/grpc")
                                .remove("service")),
                gpu(
                        "a readiness that stays on in a drain",
                        Rule.PROBES_AT_PORTS_THAT_EXIST,
                        "readiness goes off",
                        all -> object(all.pod(DECODE).baton(), "/readinessProbe/grpc")
                                .put("service", "liveness")),
                gpu("Baton probed over HTTP", Rule.PROBES_AT_PORTS_THAT_EXIST, "must ask grpc.health.v1", all -> {
                    ObjectNode probe = object(all.pod(ROUTER).baton(), "/livenessProbe");
                    probe.remove("grpc");
                    probe.putObject("httpGet").put("port", "http").put("path", "/q/health/live");
                }),
                gpu(
                        "requests below the limits",
                        Rule.REQUESTS_EQUAL_LIMITS,
                        "they must be equal",
                        all -> object(all.pod(ROUTER).baton(), "/resources/requests")
                                .put("cpu", "100m")),
                gpu("no memory limit", Rule.REQUESTS_EQUAL_LIMITS, "name cpu and memory", all -> {
                    object(all.pod(ROUTER).baton(), "/resources/requests").remove("memory");
                    object(all.pod(ROUTER).baton(), "/resources/limits").remove("memory");
                }),
                pd(
                        "an image without a version",
                        Rule.IMAGES_WITH_A_VERSION,
                        "names no version",
                        all -> vllm(all).put("image", "vllm/vllm-openai")),
                pd(
                        "an image that is whatever is newest",
                        Rule.IMAGES_WITH_A_VERSION,
                        "names no version",
                        all -> vllm(all).put("image", "vllm/vllm-openai:latest")),
                gpu(
                        "a variable used before it is defined",
                        Rule.VARIABLES_DEFINED_BEFORE_USE,
                        "not defined before",
                        all -> {
                            ArrayNode variables =
                                    (ArrayNode) all.pod(PREFILL).baton().path("env");
                            variables.add(variables.remove(0));
                        }));
    }

    private static List<Mutation> references() {
        return List.of(
                gpu(
                        "no ConfigMap",
                        Rule.REFERENCES_EXIST,
                        "ConfigMap/modelservice-prefill-settings, which is not",
                        all -> remove(all, "ConfigMap", PREFILL + "-settings")),
                gpu(
                        "no volume claim",
                        Rule.REFERENCES_EXIST,
                        "PersistentVolumeClaim/model-store, which is not",
                        all -> remove(all, "PersistentVolumeClaim", "model-store")),
                pd(
                        "no Secret",
                        Rule.REFERENCES_EXIST,
                        "refers to Secret/",
                        all -> all.objects().removeAll(all.ofKind("Secret"))),
                pd(
                        "a key that the Secret does not have",
                        Rule.REFERENCES_EXIST,
                        "has no key",
                        all -> object(variable(vllm(all), "HF_TOKEN"), "/valueFrom/secretKeyRef")
                                .put("key", "TOKEN")),
                gpu(
                        "no ServiceAccount",
                        Rule.REFERENCES_EXIST,
                        "ServiceAccount/modelservice-decode, which is not",
                        all -> remove(all, "ServiceAccount", DECODE)),
                new Mutation(
                        "a HorizontalPodAutoscaler of nothing",
                        Rule.REFERENCES_EXIST,
                        Overlay.AUTOSCALING,
                        all -> object(all.get("HorizontalPodAutoscaler", PREFILL), "/spec/scaleTargetRef")
                                .put("name", "prefill"),
                        "scales"),
                gpu(
                        "a Secret that nothing uses",
                        Rule.EVERYTHING_MOUNTED_AND_USED,
                        "no pod uses Secret/key",
                        all -> all.objects().add(newObject("v1", "Secret", "key"))),
                gpu(
                        "a mount without a volume",
                        Rule.EVERYTHING_MOUNTED_AND_USED,
                        "there is no volume",
                        all -> all.pod(PREFILL).spec().putArray("volumes")),
                gpu(
                        "a selector of other pods",
                        Rule.SELECTORS_MATCH,
                        "and its pods have",
                        all -> object(all.get("Deployment", PREFILL), "/spec/selector/matchLabels")
                                .put("app", "other")),
                gpu(
                        "a selector of all pods",
                        Rule.SELECTORS_MATCH,
                        "too",
                        all -> object(all.get("Deployment", PREFILL), "/spec/selector/matchLabels")
                                .remove("app.kubernetes.io/name")),
                gpu(
                        "a Service that selects nothing",
                        Rule.SELECTORS_MATCH,
                        "Service/modelservice-prefill selects no pod",
                        all -> object(all.get("Service", PREFILL), "/spec/selector")
                                .put("app", "other")),
                gpu(
                        "a NetworkPolicy that selects nothing",
                        Rule.SELECTORS_MATCH,
                        "NetworkPolicy",
                        all -> object(all.get("NetworkPolicy", PREFILL), "/spec/podSelector/matchLabels")
                                .put("app", "other")),
                gpu(
                        "no PodDisruptionBudget",
                        Rule.SELECTORS_MATCH,
                        "has no PodDisruptionBudget",
                        all -> remove(all, "PodDisruptionBudget", DECODE)),
                gpu(
                        "a spread of other pods",
                        Rule.SELECTORS_MATCH,
                        "spreads other pods",
                        all -> object(all.pod(DECODE).spec(), "/topologySpreadConstraints/0/labelSelector/matchLabels")
                                .put("app", "other")),
                gpu(
                        "no spread",
                        Rule.SELECTORS_MATCH,
                        "is not spread",
                        all -> all.pod(DECODE).spec().remove("topologySpreadConstraints")),
                new Mutation(
                        "a PodMonitor of nothing",
                        Rule.SELECTORS_MATCH,
                        Overlay.MONITORING,
                        all -> object(all.get("PodMonitor", "modelservice"), "/spec/selector/matchLabels")
                                .put("app", "other"),
                        "PodMonitor/modelservice selects no pod"),
                gpu(
                        "a Service that leads to no port",
                        Rule.SERVICES_FOR_EVERY_DEPLOYMENT,
                        "does not have",
                        all -> object(all.get("Service", ROUTER), "/spec/ports/0")
                                .put("targetPort", "web")),
                gpu(
                        "a Service port that no mesh knows",
                        Rule.SERVICES_FOR_EVERY_DEPLOYMENT,
                        "named http and grpc",
                        all -> Manifests.each(all.get("Service", ROUTER).at("/spec/ports"))
                                .forEach(p -> ((ObjectNode) p)
                                        .put("name", "p-" + p.path("name").asText()))));
    }

    private static List<Mutation> meaning() {
        return List.of(
                pd(
                        "no GPU",
                        Rule.GPU_AND_SIZES,
                        "0 containers with a GPU",
                        all -> object(vllm(all), "/resources/limits").remove("nvidia.com/gpu")),
                pd(
                        "a GPU for the proxy too",
                        Rule.GPU_AND_SIZES,
                        "2 containers with a GPU",
                        all -> object(proxy(all), "/resources/limits").put("nvidia.com/gpu", "1")),
                pd(
                        "another size",
                        Rule.GPU_AND_SIZES,
                        "has the size",
                        all -> object(vllm(all), "/resources/limits").put("memory", "32Gi")),
                pd(
                        "another number of replicas",
                        Rule.GPU_AND_SIZES,
                        "has 4 replicas",
                        all -> object(all.get("Deployment", PREFILL), "/spec").put("replicas", 4)),
                pd(
                        "no toleration",
                        Rule.GPU_AND_SIZES,
                        "does not tolerate",
                        all -> all.pod(DECODE).spec().remove("tolerations")),
                new Mutation(
                        "a GPU without GPUs",
                        Rule.GPU_AND_SIZES,
                        Overlay.CPU,
                        all -> object(all.pod(DECODE).baton(), "/resources/limits")
                                .put("nvidia.com/gpu", "1"),
                        "1 containers with a GPU"),
                pd(
                        "a worker without its role",
                        Rule.LABELS_CONSISTENT,
                        "llm-d.ai/role",
                        all -> object(all.get("Deployment", PREFILL), "/spec/template/metadata/labels")
                                .put("llm-d.ai/role", "p")),
                pd(
                        "a router that is taken for a model server",
                        Rule.LABELS_CONSISTENT,
                        "serves no model itself",
                        all -> object(all.get("Deployment", ROUTER), "/spec/template/metadata/labels")
                                .put("llm-d.ai/inferenceServing", "true")),
                pd(
                        "another name of a deployment",
                        Rule.LABELS_CONSISTENT,
                        "there is no Deployment/modelservice-decode",
                        all -> object(all.get("Deployment", DECODE), "/metadata")
                                .put("name", "decode")),
                gpu(
                        "a grace period below the drain",
                        Rule.DRAIN_FITS_THE_GRACE_PERIOD,
                        "is killed after 60 s",
                        all -> all.pod(DECODE).spec().put("terminationGracePeriodSeconds", 60)),
                gpu(
                        "a drain above the grace period",
                        Rule.DRAIN_FITS_THE_GRACE_PERIOD,
                        "may take 1215",
                        all -> settings(all, DECODE).put("BATON_WORKER_DRAIN_GRACE", "20m")),
                gpu(
                        "no preStop",
                        Rule.DRAIN_FITS_THE_GRACE_PERIOD,
                        "sleep before it is stopped",
                        all -> all.pod(ROUTER).baton().remove("lifecycle")),
                pd(
                        "a vLLM that is stopped at once",
                        Rule.DRAIN_FITS_THE_GRACE_PERIOD,
                        "does not wait",
                        all -> vllm(all).remove("lifecycle")),
                gpu(
                        "a setting that does not exist",
                        Rule.SETTINGS_THAT_ARE_READ,
                        "reads BATON_KV_STORESIZE",
                        all -> settings(all, DECODE).put("BATON_KV_STORESIZE", "1G")),
                gpu(
                        "a variable that does not exist",
                        Rule.SETTINGS_THAT_ARE_READ,
                        "reads POD_NAME",
                        all -> ((ArrayNode) all.pod(DECODE).baton().path("env"))
                                .addObject()
                                .put("name", "POD_NAME")),
                pd(
                        "a variable that vLLM does not read",
                        Rule.SETTINGS_THAT_ARE_READ,
                        "reads VLLM_SIDE_CHANNEL",
                        all -> variable(vllm(all), "VLLM_NIXL_SIDE_CHANNEL_PORT")
                                .put("name", "VLLM_SIDE_CHANNEL")),
                gpu(
                        "a Service with an address of its own",
                        Rule.DISCOVERY_BY_HEADLESS_SERVICES,
                        "no headless Service",
                        all -> object(all.get("Service", PREFILL), "/spec").remove("clusterIP")),
                gpu(
                        "a list of one address",
                        Rule.DISCOVERY_BY_HEADLESS_SERVICES,
                        "no dns:/// entry",
                        all -> settings(all, ROUTER).put("BATON_ROUTER_DECODE_WORKERS", "modelservice-decode:9200")),
                gpu(
                        "the port of the other role",
                        Rule.DISCOVERY_BY_HEADLESS_SERVICES,
                        "no decode worker at that port",
                        all -> settings(all, ROUTER)
                                .put("BATON_ROUTER_DECODE_WORKERS", "dns:///modelservice-decode:9100")),
                gpu(
                        "the name of the other role",
                        Rule.DISCOVERY_BY_HEADLESS_SERVICES,
                        "no decode worker",
                        all -> settings(all, ROUTER)
                                .put("BATON_ROUTER_DECODE_WORKERS", "dns:///modelservice-prefill:9100")),
                gpu(
                        "a model in no volume",
                        Rule.MODEL_GIVEN,
                        "no volume and no image",
                        all -> settings(all, DECODE).put("BATON_ENGINE_MODEL", "/data/model.gguf")),
                gpu(
                        "a model of another name than the label",
                        Rule.MODEL_GIVEN,
                        "but its label is",
                        all -> settings(all, DECODE).put("BATON_ENGINE_MODEL_NAME", "other")),
                pd(
                        "a model of another name for the proxy",
                        Rule.MODEL_GIVEN,
                        "disagree about the model",
                        all -> settings(all, PREFILL).put("BATON_VLLM_MODEL", "other")),
                pd("no connector", Rule.MODEL_GIVEN, "no NIXL connector", all -> argument(all, "--kv-transfer-config")),
                pd(
                        "vLLM at another port than the proxy asks",
                        Rule.MODEL_GIVEN,
                        "base URL disagree",
                        all -> argument(all, "--port", "--port=8000")),
                pd(
                        "a side channel at another port",
                        Rule.MODEL_GIVEN,
                        "side channel",
                        all -> variable(vllm(all), "VLLM_NIXL_SIDE_CHANNEL_PORT")
                                .put("value", "5601")),
                pd(
                        "a side channel at localhost",
                        Rule.MODEL_GIVEN,
                        "side channel",
                        all -> variable(vllm(all), "VLLM_NIXL_SIDE_CHANNEL_HOST")
                                .put("value", "localhost")),
                pd(
                        "a proxy that computes itself",
                        Rule.MODEL_GIVEN,
                        "does not use vLLM",
                        all -> settings(all, PREFILL).put("BATON_ENGINE_KIND", "llamacpp")),
                pd(
                        "a proxy of another name",
                        Rule.MODEL_GIVEN,
                        "container routing-proxy",
                        all -> proxy(all).put("name", "proxy")));
    }

    private static List<Mutation> safety() {
        return List.of(
                new Mutation(
                        "a metric that no worker has",
                        Rule.METRICS_THAT_EXIST,
                        Overlay.AUTOSCALING,
                        all -> object(all.get("HorizontalPodAutoscaler", PREFILL), "/spec/metrics/0/pods/metric")
                                .put("name", "vllm:queue_depth"),
                        "which no worker has"),
                new Mutation(
                        "metrics at another path",
                        Rule.METRICS_THAT_EXIST,
                        Overlay.MONITORING,
                        all -> object(all.get("PodMonitor", "modelservice"), "/spec/podMetricsEndpoints/0")
                                .put("path", "/metrics"),
                        "where there are none"),
                gpu(
                        "root",
                        Rule.RESTRICTED_SECURITY,
                        "may run as root",
                        all -> object(all.pod(PREFILL).spec(), "/securityContext")
                                .remove("runAsNonRoot")),
                gpu(
                        "no seccomp",
                        Rule.RESTRICTED_SECURITY,
                        "without seccomp",
                        all -> object(all.pod(PREFILL).spec(), "/securityContext")
                                .remove("seccompProfile")),
                pd(
                        "a privileged vLLM",
                        Rule.RESTRICTED_SECURITY,
                        "vllm has rights",
                        all -> object(vllm(all), "/securityContext").put("privileged", true)),
                gpu(
                        "capabilities",
                        Rule.RESTRICTED_SECURITY,
                        "has rights",
                        all -> object(all.pod(ROUTER).baton(), "/securityContext")
                                .remove("capabilities")),
                gpu(
                        "the network of the host",
                        Rule.RESTRICTED_SECURITY,
                        "hostNetwork",
                        all -> all.pod(ROUTER).spec().put("hostNetwork", true)),
                gpu(
                        "a token",
                        Rule.RESTRICTED_SECURITY,
                        "gets a token",
                        all -> all.pod(ROUTER).spec().remove("automountServiceAccountToken")),
                gpu(
                        "an account with tokens",
                        Rule.RESTRICTED_SECURITY,
                        "hands out tokens",
                        all -> all.get("ServiceAccount", ROUTER).put("automountServiceAccountToken", true)),
                gpu(
                        "no NetworkPolicy",
                        Rule.ONLY_ROUTER_AND_DECODE_REACH_WORKERS,
                        "has no NetworkPolicy",
                        all -> remove(all, "NetworkPolicy", DECODE)),
                gpu(
                        "everybody",
                        Rule.ONLY_ROUTER_AND_DECODE_REACH_WORKERS,
                        "lets everybody reach",
                        all -> object(all.get("NetworkPolicy", DECODE), "/spec/ingress/0")
                                .remove("from")),
                gpu(
                        "every pod",
                        Rule.ONLY_ROUTER_AND_DECODE_REACH_WORKERS,
                        "lets every pod",
                        all -> object(all.get("NetworkPolicy", DECODE), "/spec/ingress/0/from/0/podSelector")
                                .remove("matchLabels")),
                gpu(
                        "prefill",
                        Rule.ONLY_ROUTER_AND_DECODE_REACH_WORKERS,
                        "lets [modelservice-prefill]",
                        all -> object(
                                        all.get("NetworkPolicy", DECODE),
                                        "/spec/ingress/0/from/0/podSelector/matchLabels")
                                .put("app.kubernetes.io/name", PREFILL)),
                gpu(
                        "another namespace",
                        Rule.ONLY_ROUTER_AND_DECODE_REACH_WORKERS,
                        "other namespaces",
                        all -> object(all.get("NetworkPolicy", DECODE), "/spec/ingress/0/from/0")
                                .putObject("namespaceSelector")),
                new Mutation(
                        "Prometheus at every port",
                        Rule.ONLY_ROUTER_AND_DECODE_REACH_WORKERS,
                        Overlay.MONITORING,
                        all -> object(all.get("NetworkPolicy", "modelservice-monitoring"), "/spec/ingress/0")
                                .remove("ports"),
                        "other namespaces"),
                gpu(
                        "nobody",
                        Rule.ONLY_ROUTER_AND_DECODE_REACH_WORKERS,
                        "not all of",
                        all -> object(all.get("NetworkPolicy", DECODE), "/spec").putArray("ingress")));
    }

    private static List<Mutation> secrets() {
        Rule rule = Rule.SECRETS_WHERE_SETTINGS_POINT;
        return List.of(
                secured(
                        "a worker in plaintext",
                        rule,
                        "'plaintext'",
                        all -> settings(all, DECODE).put("BATON_TLS_MODE", "plaintext")),
                gpu(
                        "no mode",
                        rule,
                        "has BATON_TLS_MODE ''",
                        all -> settings(all, DECODE).remove("BATON_TLS_MODE")),
                secured(
                        "no keys",
                        rule,
                        "has no BATON_KV_KEYS_FILE",
                        all -> settings(all, PREFILL).remove("BATON_KV_KEYS_FILE")),
                secured(
                        "no API keys",
                        rule,
                        "has no BATON_ROUTER_API_KEYS",
                        all -> settings(all, ROUTER).remove("BATON_ROUTER_API_KEYS")),
                secured(
                        "API keys elsewhere",
                        rule,
                        "which no mounted Secret has",
                        all -> settings(all, ROUTER).put("BATON_ROUTER_API_KEYS", "/secrets/api/keys")),
                secured(
                        "a Secret that is not mounted",
                        rule,
                        "which no mounted Secret has",
                        all -> all.pod(PREFILL).baton().remove("volumeMounts")),
                secured(
                        "a Secret without the file",
                        rule,
                        "which no mounted Secret has",
                        all -> object(all.get("Secret", "baton-kv-keys"), "/data")
                                .remove("kv-keys")),
                secured(
                        "a Secret for everybody",
                        rule,
                        "with mode 444",
                        all -> Manifests.each(all.pod(PREFILL).spec().path("volumes"))
                                .filter(v -> v.has("secret"))
                                .forEach(v -> object(v, "/secret").put("defaultMode", 0444))),
                secured(
                        "a Secret that is not there",
                        Rule.REFERENCES_EXIST,
                        "Secret/baton-tls-router, which is not there",
                        all -> remove(all, "Secret", "baton-tls-router")),
                secured(
                        "a probe that needs a certificate",
                        Rule.PROBES_AT_PORTS_THAT_EXIST,
                        "the kubelet has no certificate",
                        all -> {
                            ObjectNode probe = object(all.pod(DECODE).baton(), "/livenessProbe");
                            probe.remove("httpGet");
                            probe.putObject("grpc").put("port", 9200).put("service", "liveness");
                        }));
    }

    @ParameterizedTest
    @MethodSource("mutations")
    void shouldFindWhatIsBroken(Mutation mutation) {
        // Given
        Manifests manifests = Kustomize.build(mutation.of());
        assertThat(mutation.rule().problems(manifests, mutation.of())).isEmpty();

        // When
        mutation.change().accept(manifests);

        // Then
        assertThat(mutation.rule().problems(manifests, mutation.of()))
                .as(mutation.what())
                .isNotEmpty()
                .anySatisfy(problem -> assertThat(problem).contains(mutation.says()));
    }

    @Test
    void shouldHaveABrokenManifestForEveryRule() {
        Set<Rule> broken =
                mutations().map(Mutation::rule).collect(Collectors.toCollection(() -> EnumSet.noneOf(Rule.class)));
        assertThat(broken).containsExactlyInAnyOrderElementsOf(Arrays.asList(Rule.values()));
    }
}
