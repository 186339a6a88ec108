package io.baton.cli.k8s;

import static io.baton.cli.k8s.Manifests.each;
import static io.baton.cli.k8s.Manifests.kind;
import static io.baton.cli.k8s.Manifests.map;
import static io.baton.cli.k8s.Manifests.title;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.baton.cli.k8s.Manifests.Pod;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** What must hold of every overlay. Each rule tells everything that is wrong, in sentences. */
enum Rule {
    VALID_AGAINST_THE_SCHEMA(Rule::schema),
    NO_CUSTOM_KINDS_UNLESS_SAID(Rule::customKinds),
    NAMES_UNIQUE(Rule::uniqueNames),
    NO_BLOCKING_INIT_CONTAINER(perPod(Rule::initContainers)),
    PORTS_UNIQUE_PER_POD(perPod(Rule::ports)),
    REFERENCES_EXIST(Rule::references),
    EVERYTHING_MOUNTED_AND_USED(Rule::used),
    PROBES_AT_PORTS_THAT_EXIST(Rule::probes),
    LABELS_CONSISTENT(Rule::labels),
    SELECTORS_MATCH(Rule::selectors),
    SERVICES_FOR_EVERY_DEPLOYMENT(Rule::services),
    REQUESTS_EQUAL_LIMITS(perPod(Rule::resources)),
    GPU_AND_SIZES(Rule::sizes),
    DRAIN_FITS_THE_GRACE_PERIOD(Rule::drain),
    SETTINGS_THAT_ARE_READ(Rule::settings),
    SECRETS_WHERE_SETTINGS_POINT(Secrets::problems),
    VARIABLES_DEFINED_BEFORE_USE(perPod(Rule::variables)),
    RESTRICTED_SECURITY(Rule::security),
    ONLY_ROUTER_AND_DECODE_REACH_WORKERS(Rule::network),
    DISCOVERY_BY_HEADLESS_SERVICES(Rule::discovery),
    MODEL_GIVEN(Rule::model),
    METRICS_THAT_EXIST(Rule::metrics),
    NUMBERS_OR_PERCENTAGES(Rule::numbers),
    IMAGES_WITH_A_VERSION(perPod(Rule::images));

    private static final Set<String> VLLM_VARIABLES = Set.of(
            "BATON_POD_IP",
            "VLLM_NIXL_SIDE_CHANNEL_HOST",
            "VLLM_NIXL_SIDE_CHANNEL_PORT",
            "VLLM_API_KEY",
            "HF_HOME",
            "HF_TOKEN",
            "HOME",
            "USER");
    private static final String VLLM_SETTINGS = "BATON_VLLM_";
    private static final Set<String> WORKERS = Set.of("modelservice-prefill", "modelservice-decode");
    private static final Duration REST_OF_SHUTDOWN = Duration.ofSeconds(10);

    @SuppressWarnings("ImmutableEnumChecker") // The functions are static methods of this class.
    private final BiFunction<Manifests, Overlay, List<String>> check;

    Rule(BiFunction<Manifests, Overlay, List<String>> check) {
        this.check = check;
    }

    /** What is wrong; empty if nothing is. */
    List<String> problems(Manifests manifests, Overlay overlay) {
        return check.apply(manifests, overlay);
    }

    private static BiFunction<Manifests, Overlay, List<String>> perPod(Function<Pod, List<String>> check) {
        return (manifests, _) -> manifests.pods().stream()
                .flatMap(pod -> check.apply(pod).stream().map(problem -> pod.name() + ": " + problem))
                .toList();
    }

    // ---- the objects as such

    private static List<String> schema(Manifests all, Overlay overlay) {
        return all.objects().stream()
                .filter(Schema::knows)
                .flatMap(o -> Schema.problem(o).stream())
                .toList();
    }

    private static List<String> customKinds(Manifests all, Overlay overlay) {
        return all.objects().stream()
                .filter(o -> !Schema.knows(o))
                .filter(o -> !(overlay.needsDefinitions() && kind(o).equals("PodMonitor")))
                .map(o -> title(o) + " is a " + Schema.type(o) + ", none of " + Schema.kinds())
                .toList();
    }

    private static List<String> uniqueNames(Manifests all, Overlay overlay) {
        Set<String> seen = new HashSet<>();
        return all.objects().stream()
                .map(Manifests::title)
                .filter(title -> !seen.add(title))
                .map(title -> title + " is there twice")
                .toList();
    }

    private static List<String> numbers(Manifests all, Overlay overlay) {
        List<String> problems = new ArrayList<>();
        for (ObjectNode object : all.objects()) {
            for (String pointer : List.of(
                    "/spec/strategy/rollingUpdate/maxSurge",
                    "/spec/strategy/rollingUpdate/maxUnavailable",
                    "/spec/maxUnavailable",
                    "/spec/minAvailable")) {
                JsonNode value = object.at(pointer);
                if (!value.isMissingNode() && !value.isInt() && !value.asText().matches("\\d+%")) {
                    problems.add(
                            title(object) + " " + pointer + " is " + value + ", neither a number nor a percentage");
                }
            }
        }
        return problems;
    }

    // ---- pods

    private static List<String> initContainers(Pod pod) {
        return each(pod.spec().path("initContainers"))
                .filter(c -> !c.path("restartPolicy").asText().equals("Always"))
                .map(c -> "the init container " + c.path("name").asText()
                        + " must end before the others start; give it restartPolicy Always or make it a container")
                .toList();
    }

    private static List<String> ports(Pod pod) {
        List<String> problems = new ArrayList<>();
        Map<String, String> numbers = new HashMap<>();
        Map<String, String> names = new HashMap<>();
        for (ObjectNode container : pod.running()) {
            String who = container.path("name").asText();
            for (JsonNode port : container.path("ports")) {
                String number = port.path("containerPort").asText() + "/"
                        + port.path("protocol").asText("TCP");
                String other = numbers.put(number, who);
                if (other != null) {
                    problems.add("port " + number + " belongs to " + other + " and " + who);
                }
                other = names.put(port.path("name").asText(), who);
                if (other != null) {
                    problems.add("the port name " + port.path("name") + " belongs to " + other + " and " + who);
                }
            }
        }
        return problems;
    }

    private static List<String> probes(Manifests all, Overlay overlay) {
        return all.pods().stream()
                .flatMap(pod -> probes(all, pod).stream().map(problem -> pod.name() + ": " + problem))
                .toList();
    }

    private static List<String> probes(Manifests all, Pod pod) {
        List<String> problems = new ArrayList<>();
        for (ObjectNode container : pod.running()) {
            Map<String, Integer> ports = new HashMap<>();
            each(container.path("ports"))
                    .forEach(p -> ports.put(
                            p.path("name").asText(), p.path("containerPort").asInt()));
            boolean baton = container.path("image").asText().startsWith("baton/");
            for (String kind : List.of("startupProbe", "livenessProbe", "readinessProbe")) {
                String what = container.path("name").asText() + " " + kind;
                JsonNode probe = container.path(kind);
                JsonNode grpc = probe.path("grpc");
                JsonNode http = probe.path("httpGet");
                if (!grpc.isMissingNode()) {
                    if (!ports.values().contains(grpc.path("port").asInt())) {
                        problems.add(what + " asks port " + grpc.path("port") + ", which the container does not have");
                    }
                    String wanted = kind.equals("readinessProbe") ? "" : "liveness";
                    if (!grpc.path("service").asText().equals(wanted)) {
                        problems.add(what + " asks for the service '"
                                + grpc.path("service").asText() + "', not '" + wanted
                                + "': readiness goes off in a drain, liveness must not");
                    }
                } else if (!http.isMissingNode()) {
                    JsonNode port = http.path("port");
                    if (!(port.isInt() ? ports.values().contains(port.asInt()) : ports.containsKey(port.asText()))) {
                        problems.add(what + " asks port " + port + ", which the container does not have");
                    }
                } else {
                    problems.add(what + " is missing");
                }
                // The kubelet has no certificate. The router's own port asks for none.
                boolean certified = pod.isWorker()
                        && "mtls".equals(all.environment(container).get("BATON_TLS_MODE"));
                if (baton && !certified && grpc.isMissingNode()) {
                    problems.add(what + " must ask grpc.health.v1");
                }
                String path = kind.equals("readinessProbe") ? "/q/health/ready" : "/q/health/live";
                if (baton
                        && certified
                        && !(http.path("path").asText() + http.path("port").asText()).equals(path + "http")) {
                    problems.add(what + " must ask " + path + " over HTTP, as the kubelet has no certificate");
                }
            }
        }
        return problems;
    }

    private static List<String> resources(Pod pod) {
        List<String> problems = new ArrayList<>();
        for (ObjectNode container : pod.running()) {
            JsonNode resources = container.path("resources");
            Map<String, String> limits = map(resources.path("limits"));
            if (!limits.equals(map(resources.path("requests")))
                    || !limits.keySet().containsAll(Set.of("cpu", "memory"))) {
                problems.add(container.path("name").asText() + " has requests " + resources.path("requests")
                        + " and limits " + resources.path("limits") + "; they must be equal and name cpu and memory");
            }
        }
        return problems;
    }

    private static List<String> images(Pod pod) {
        return pod.running().stream()
                .map(c -> c.path("image").asText())
                .filter(image -> !image.matches("[a-z0-9./-]+:[A-Za-z0-9._-]+") || image.endsWith(":latest"))
                .map(image -> "the image " + image + " names no version")
                .toList();
    }

    private static List<String> variables(Pod pod) {
        List<String> problems = new ArrayList<>();
        Pattern reference = Pattern.compile("\\$\\(([A-Za-z_0-9]+)\\)");
        for (ObjectNode container : pod.running()) {
            Set<String> defined = new HashSet<>();
            for (JsonNode variable : container.path("env")) {
                Matcher m = reference.matcher(variable.path("value").asText());
                while (m.find()) {
                    if (!defined.contains(m.group(1))) {
                        problems.add(variable.path("name").asText() + " uses $(" + m.group(1)
                                + "), which is not defined before it");
                    }
                }
                defined.add(variable.path("name").asText());
            }
        }
        return problems;
    }

    // ---- what belongs together

    /** Names of objects of a kind that a pod refers to. */
    private static Set<String> referred(Pod pod, String kind) {
        Set<String> names = new TreeSet<>();
        List<JsonNode> found = new ArrayList<>();
        // A claim is referred to by volumes only.
        String source = switch (kind) {
            case "ConfigMap" -> "configMap";
            case "Secret" -> "secret";
            default -> "none";
        };
        for (ObjectNode container : pod.running()) {
            for (JsonNode from : container.path("envFrom")) {
                found.add(from.path(source + "Ref").path("name"));
            }
            for (JsonNode variable : container.path("env")) {
                found.add(variable.path("valueFrom").path(source + "KeyRef").path("name"));
            }
        }
        for (JsonNode volume : pod.spec().path("volumes")) {
            found.add(
                    switch (kind) {
                        case "ConfigMap" -> volume.at("/configMap/name");
                        case "Secret" -> volume.at("/secret/secretName");
                        default -> volume.at("/persistentVolumeClaim/claimName");
                    });
        }
        found.stream().filter(JsonNode::isTextual).forEach(n -> names.add(n.asText()));
        return names;
    }

    private static List<String> references(Manifests all, Overlay overlay) {
        List<String> problems = new ArrayList<>();
        for (Pod pod : all.pods()) {
            for (String kind : List.of("ConfigMap", "Secret", "PersistentVolumeClaim")) {
                for (String name : referred(pod, kind)) {
                    if (all.find(kind, name).isEmpty()) {
                        problems.add(pod.name() + " refers to " + kind + "/" + name + ", which is not there");
                    }
                }
            }
            String account = pod.spec().path("serviceAccountName").asText();
            if (all.find("ServiceAccount", account).isEmpty()) {
                problems.add(pod.name() + " runs as ServiceAccount/" + account + ", which is not there");
            }
            for (ObjectNode container : pod.running()) {
                for (JsonNode variable : container.path("env")) {
                    JsonNode key = variable.at("/valueFrom/secretKeyRef");
                    all.find("Secret", key.path("name").asText())
                            .filter(s -> !s.path("data").has(key.path("key").asText()))
                            .ifPresent(
                                    s -> problems.add(pod.name() + ": " + title(s) + " has no key " + key.path("key")));
                }
            }
        }
        for (ObjectNode hpa : all.ofKind("HorizontalPodAutoscaler")) {
            JsonNode target = hpa.at("/spec/scaleTargetRef");
            if (all.find(target.path("kind").asText(), target.path("name").asText())
                    .isEmpty()) {
                problems.add(title(hpa) + " scales " + target + ", which is not there");
            }
        }
        return problems;
    }

    private static List<String> used(Manifests all, Overlay overlay) {
        List<String> problems = new ArrayList<>();
        for (String kind : List.of("ConfigMap", "Secret", "PersistentVolumeClaim")) {
            Set<String> referred = all.pods().stream()
                    .flatMap(pod -> referred(pod, kind).stream())
                    .collect(Collectors.toSet());
            all.ofKind(kind).stream()
                    .filter(o -> !referred.contains(Manifests.name(o)))
                    .forEach(o -> problems.add("no pod uses " + title(o)));
        }
        for (Pod pod : all.pods()) {
            Set<String> volumes = each(pod.spec().path("volumes"))
                    .map(v -> v.path("name").asText())
                    .collect(Collectors.toSet());
            Set<String> mounted = pod.running().stream()
                    .flatMap(c -> each(c.path("volumeMounts")))
                    .map(m -> m.path("name").asText())
                    .collect(Collectors.toSet());
            volumes.stream()
                    .filter(v -> !mounted.contains(v))
                    .forEach(v -> problems.add(pod.name() + ": no container mounts the volume " + v));
            mounted.stream()
                    .filter(m -> !volumes.contains(m))
                    .forEach(m -> problems.add(pod.name() + ": there is no volume " + m + " to be mounted"));
        }
        return problems;
    }

    private static List<String> labels(Manifests all, Overlay overlay) {
        List<String> problems = new ArrayList<>();
        Set<String> models = new TreeSet<>();
        for (ObjectNode object : all.objects()) {
            Stream.of(object.at("/metadata/labels"), object.at("/spec/template/metadata/labels"))
                    .map(labels -> labels.path("llm-d.ai/model"))
                    .filter(JsonNode::isTextual)
                    .forEach(model -> models.add(model.asText()));
        }
        if (models.size() != 1) {
            problems.add("the label llm-d.ai/model has the values " + models + ", not one");
        }
        for (Pod pod : all.pods()) {
            Map<String, String> labels = pod.labels();
            Map<String, String> wanted = new HashMap<>(Map.of(
                    "app.kubernetes.io/name", pod.name(),
                    "app.kubernetes.io/part-of", "baton",
                    "app.kubernetes.io/component", pod.name().replace("modelservice-", "")));
            if (WORKERS.contains(pod.name())) {
                wanted.put("llm-d.ai/inferenceServing", "true");
                wanted.put("llm-d.ai/role", pod.name().replace("modelservice-", ""));
            } else if (labels.containsKey("llm-d.ai/inferenceServing")) {
                problems.add(pod.name() + " serves no model itself, but has llm-d.ai/inferenceServing");
            }
            wanted.forEach((key, value) -> {
                if (!value.equals(labels.get(key))) {
                    problems.add(pod.name() + " has " + key + "=" + labels.get(key) + ", not " + value);
                }
            });
            if (!labels.containsKey("llm-d.ai/model")) {
                problems.add(pod.name() + " has no label llm-d.ai/model");
            }
        }
        for (String deployment : Set.of("modelservice-prefill", "modelservice-decode", "modelservice-router")) {
            if (all.find("Deployment", deployment).isEmpty()) {
                problems.add("there is no Deployment/" + deployment);
            }
        }
        return problems;
    }

    private static List<String> selectors(Manifests all, Overlay overlay) {
        List<String> problems = new ArrayList<>();
        for (Pod pod : all.pods()) {
            JsonNode own = pod.deployment().at("/spec/selector/matchLabels");
            if (own.isEmpty() || !pod.matches(own)) {
                problems.add(pod.name() + " selects " + own + ", and its pods have " + pod.labels());
            }
            for (Pod other : all.pods()) {
                if (!other.name().equals(pod.name()) && other.matches(own)) {
                    problems.add(pod.name() + " selects the pods of " + other.name() + " too");
                }
            }
            for (JsonNode spread : pod.spec().path("topologySpreadConstraints")) {
                if (!pod.matches(spread.at("/labelSelector/matchLabels"))) {
                    problems.add(pod.name() + " spreads other pods: " + spread.path("labelSelector"));
                }
            }
            if (pod.spec().path("topologySpreadConstraints").isEmpty()) {
                problems.add(pod.name() + " is not spread over nodes");
            }
        }
        for (ObjectNode object : all.objects()) {
            JsonNode selector = switch (kind(object)) {
                case "Service" -> object.at("/spec/selector");
                case "PodDisruptionBudget", "PodMonitor" -> object.at("/spec/selector/matchLabels");
                case "NetworkPolicy" -> object.at("/spec/podSelector/matchLabels");
                default -> null;
            };
            if (selector != null && (selector.isEmpty() || all.pods().stream().noneMatch(p -> p.matches(selector)))) {
                problems.add(title(object) + " selects no pod: " + selector);
            }
        }
        for (Pod pod : all.pods()) {
            if (all.ofKind("PodDisruptionBudget").stream()
                    .noneMatch(b -> pod.matches(b.at("/spec/selector/matchLabels")))) {
                problems.add(pod.name() + " has no PodDisruptionBudget");
            }
        }
        return problems;
    }

    private static Set<String> portNames(Pod pod) {
        return pod.running().stream()
                .flatMap(c -> each(c.path("ports")))
                .map(p -> p.path("name").asText())
                .collect(Collectors.toSet());
    }

    private static List<String> services(Manifests all, Overlay overlay) {
        List<String> problems = new ArrayList<>();
        for (Pod pod : all.pods()) {
            List<ObjectNode> services = all.ofKind("Service").stream()
                    .filter(s -> pod.matches(s.at("/spec/selector")))
                    .toList();
            Set<String> names = new TreeSet<>();
            for (ObjectNode service : services) {
                for (JsonNode port : service.at("/spec/ports")) {
                    names.add(port.path("name").asText());
                    if (!portNames(pod).contains(port.path("targetPort").asText())) {
                        problems.add(title(service) + " leads to the port " + port.path("targetPort") + ", which "
                                + pod.name() + " does not have");
                    }
                }
            }
            if (!names.containsAll(Set.of("http", "grpc"))) {
                problems.add(pod.name() + " has no Service with ports that are named http and grpc, only " + names);
            }
        }
        return problems;
    }

    private static List<String> sizes(Manifests all, Overlay overlay) {
        List<String> problems = new ArrayList<>();
        for (Pod pod : all.pods()) {
            List<JsonNode> withGpu = pod.running().stream()
                    .map(c -> c.at("/resources/limits"))
                    .filter(limits -> limits.has("nvidia.com/gpu"))
                    .toList();
            boolean wanted = overlay.gpu() && pod.isWorker();
            if (withGpu.size() != (wanted ? 1 : 0)) {
                problems.add(pod.name() + " has " + withGpu.size() + " containers with a GPU");
                continue;
            }
            boolean tolerates = each(pod.spec().path("tolerations"))
                    .anyMatch(t -> t.path("key").asText().equals("nvidia.com/gpu"));
            if (tolerates != wanted) {
                problems.add(pod.name() + (wanted ? " does not tolerate" : " tolerates") + " the taint of GPU nodes");
            }
            if (wanted) {
                boolean prefill = pod.name().equals("modelservice-prefill");
                Map<String, String> size = Map.of(
                        "nvidia.com/gpu", "1", "cpu", prefill ? "12" : "16", "memory", prefill ? "24Gi" : "32Gi");
                if (!map(withGpu.getFirst()).equals(size)) {
                    problems.add(pod.name() + " has the size " + withGpu.getFirst() + ", not " + size);
                }
                int replicas = pod.deployment().at("/spec/replicas").asInt(1);
                if (replicas != (prefill ? 3 : 2)) {
                    problems.add(pod.name() + " has " + replicas + " replicas");
                }
            }
        }
        return problems;
    }

    private static List<String> drain(Manifests all, Overlay overlay) {
        List<String> problems = new ArrayList<>();
        for (Pod pod : all.pods()) {
            ObjectNode baton = pod.baton();
            String setting = pod.isWorker() ? "BATON_WORKER_DRAIN_GRACE" : "BATON_ROUTER_SHUTDOWN_GRACE";
            String value = all.environment(baton).get(setting);
            JsonNode sleep = baton.at("/lifecycle/preStop/sleep/seconds");
            if (value == null || !sleep.isInt()) {
                problems.add(pod.name() + " must set " + setting + " and sleep before it is stopped");
                continue;
            }
            Duration needed = Duration.ofSeconds(sleep.asInt())
                    .plus(Settings.duration(value))
                    .plus(REST_OF_SHUTDOWN);
            long grace = pod.spec().path("terminationGracePeriodSeconds").asLong(30);
            if (grace < needed.toSeconds()) {
                problems.add(
                        pod.name() + " is killed after " + grace + " s, but its drain may take " + needed.toSeconds());
            }
            pod.container("vllm")
                    .filter(vllm -> !vllm.at("/lifecycle/preStop").toString().contains("127.0.0.1"))
                    .ifPresent(_ -> problems.add(pod.name() + ": vLLM does not wait for routing-proxy's drain"));
        }
        return problems;
    }

    private static List<String> settings(Manifests all, Overlay overlay) {
        List<String> problems = new ArrayList<>();
        Set<String> known = new TreeSet<>(Settings.variables());
        // For the address of the pod itself, which other variables use.
        known.add("BATON_POD_IP");
        known.add(Secrets.SETTINGS_FILE);
        for (Pod pod : all.pods()) {
            for (ObjectNode container : pod.running()) {
                boolean baton = container.path("image").asText().startsWith("baton/");
                Set<String> names = new TreeSet<>(all.environment(container).keySet());
                each(container.path("env"))
                        .forEach(e -> names.add(e.path("name").asText()));
                names.removeAll(baton ? known : VLLM_VARIABLES);
                // The settings of the vLLM engine are checked as soon as there are some.
                if (known.stream().noneMatch(k -> k.startsWith(VLLM_SETTINGS))) {
                    names.removeIf(n -> n.startsWith(VLLM_SETTINGS));
                }
                names.forEach(n -> problems.add(
                        pod.name() + ": nothing in " + container.path("name").asText() + " reads " + n));
            }
        }
        return problems;
    }

    private static List<String> metrics(Manifests all, Overlay overlay) {
        List<String> problems = new ArrayList<>();
        Set<String> known = Settings.metrics();
        for (ObjectNode hpa : all.ofKind("HorizontalPodAutoscaler")) {
            for (JsonNode metric : hpa.at("/spec/metrics")) {
                String name = metric.at("/pods/metric/name").asText();
                if (!known.contains(name)) {
                    problems.add(title(hpa) + " scales by '" + name + "', which no worker has");
                }
            }
        }
        for (ObjectNode monitor : all.ofKind("PodMonitor")) {
            for (JsonNode endpoint : monitor.at("/spec/podMetricsEndpoints")) {
                String at =
                        endpoint.path("port").asText() + endpoint.path("path").asText();
                if (!Set.of("http/q/metrics", "vllm/metrics").contains(at)) {
                    problems.add(title(monitor) + " reads metrics at " + at + ", where there are none");
                }
            }
        }
        return problems;
    }

    private static List<String> security(Manifests all, Overlay overlay) {
        List<String> problems = new ArrayList<>();
        for (Pod pod : all.pods()) {
            JsonNode context = pod.spec().path("securityContext");
            if (!context.path("runAsNonRoot").asBoolean()
                    || !context.at("/seccompProfile/type").asText().equals("RuntimeDefault")) {
                problems.add(pod.name() + " may run as root or without seccomp: " + context);
            }
            for (ObjectNode container : pod.running()) {
                JsonNode own = container.path("securityContext");
                if (own.path("allowPrivilegeEscalation").asBoolean(true)
                        || own.path("privileged").asBoolean(false)
                        || !own.at("/capabilities/drop").toString().equals("[\"ALL\"]")
                        || own.at("/capabilities").has("add")) {
                    problems.add(
                            pod.name() + ": " + container.path("name").asText() + " has rights that it need not have");
                }
            }
            for (String host : List.of("hostNetwork", "hostPID", "hostIPC")) {
                if (pod.spec().path(host).asBoolean(false)) {
                    problems.add(pod.name() + " has " + host);
                }
            }
            if (pod.spec().path("automountServiceAccountToken").asBoolean(true)) {
                problems.add(pod.name() + " gets a token for the Kubernetes API");
            }
        }
        all.ofKind("ServiceAccount").stream()
                .filter(a -> a.path("automountServiceAccountToken").asBoolean(true))
                .forEach(a -> problems.add(title(a) + " hands out tokens"));
        return problems;
    }

    private static List<String> network(Manifests all, Overlay overlay) {
        List<String> problems = new ArrayList<>();
        Set<String> allowed = Set.of("modelservice-router", "modelservice-decode");
        for (Pod pod : all.pods().stream().filter(Pod::isWorker).toList()) {
            Set<String> reached = new TreeSet<>();
            List<ObjectNode> policies = all.ofKind("NetworkPolicy").stream()
                    .filter(p -> pod.matches(p.at("/spec/podSelector/matchLabels")))
                    .filter(p -> p.at("/spec/policyTypes").toString().contains("\"Ingress\""))
                    .toList();
            if (policies.isEmpty()) {
                problems.add(pod.name() + " has no NetworkPolicy, so everybody reaches it");
            }
            for (ObjectNode policy : policies) {
                for (JsonNode ingress : policy.at("/spec/ingress")) {
                    if (ingress.path("from").isEmpty()) {
                        problems.add(title(policy) + " lets everybody reach " + pod.name());
                    }
                    boolean grpc = ingress.path("ports").isEmpty()
                            || each(ingress.path("ports"))
                                    .anyMatch(p -> p.path("port").asText().equals("grpc"));
                    for (JsonNode peer : ingress.path("from")) {
                        JsonNode labels = peer.at("/podSelector/matchLabels");
                        if (peer.has("namespaceSelector") || peer.has("ipBlock")) {
                            boolean metrics = overlay == Overlay.MONITORING
                                    && !ingress.path("ports").isEmpty()
                                    && each(ingress.path("ports"))
                                            .allMatch(p -> Set.of("http", "vllm")
                                                    .contains(p.path("port").asText()));
                            if (!metrics) {
                                problems.add(title(policy) + " lets other namespaces or networks reach " + pod.name());
                            }
                            continue;
                        }
                        if (labels.isEmpty()) {
                            problems.add(title(policy) + " lets every pod reach " + pod.name());
                            continue;
                        }
                        Set<String> peers = all.pods().stream()
                                .filter(p -> p.matches(labels))
                                .map(Pod::name)
                                .collect(Collectors.toSet());
                        if (grpc) {
                            reached.addAll(peers);
                        }
                        if (!allowed.containsAll(peers)) {
                            problems.add(title(policy) + " lets " + peers + " reach " + pod.name());
                        }
                    }
                }
            }
            if (!reached.containsAll(allowed)) {
                problems.add("only " + reached + " reach the port grpc of " + pod.name() + ", not all of " + allowed);
            }
        }
        return problems;
    }

    private static List<String> discovery(Manifests all, Overlay overlay) {
        List<String> problems = new ArrayList<>();
        if (all.find("Deployment", "modelservice-router").isEmpty()) {
            return List.of("there is no router");
        }
        Map<String, String> environment =
                all.environment(all.pod("modelservice-router").baton());
        for (String role : List.of("prefill", "decode")) {
            String entry = environment.getOrDefault(
                    "BATON_ROUTER_" + role.toUpperCase(java.util.Locale.ROOT) + "_WORKERS", "");
            Matcher m = Pattern.compile("dns:///([a-z0-9-]+):(\\d+)").matcher(entry);
            if (!m.matches()) {
                problems.add("the router finds " + role + " workers by '" + entry + "', which is no dns:/// entry");
                continue;
            }
            ObjectNode service = all.find("Service", m.group(1)).orElse(null);
            if (service == null || !service.at("/spec/clusterIP").asText().equals("None")) {
                problems.add(m.group(1) + " is no headless Service");
                continue;
            }
            List<Pod> found = all.pods().stream()
                    .filter(p -> p.matches(service.at("/spec/selector")))
                    .toList();
            for (Pod pod : found) {
                boolean atPort = each(pod.baton().path("ports"))
                        .anyMatch(p -> p.path("name").asText().equals("grpc")
                                && p.path("containerPort").asText().equals(m.group(2)));
                if (!role.equals(pod.labels().get("llm-d.ai/role")) || !atPort) {
                    problems.add(entry + " leads to " + pod.name() + ", which is no " + role + " worker at that port");
                }
            }
            if (found.isEmpty()) {
                problems.add(entry + " leads to no pod");
            }
        }
        return problems;
    }

    private static List<String> model(Manifests all, Overlay overlay) {
        List<String> problems = new ArrayList<>();
        for (Pod pod : all.pods().stream().filter(Pod::isWorker).toList()) {
            ObjectNode baton = pod.baton();
            Map<String, String> environment = all.environment(baton);
            String label = pod.labels().getOrDefault("llm-d.ai/model", "");
            if (overlay.vllm()) {
                problems.addAll(vllm(pod, environment, label));
                continue;
            }
            String file = environment.getOrDefault("BATON_ENGINE_MODEL", "");
            boolean there = file.startsWith("/opt/baton/demo-model/")
                    || each(baton.path("volumeMounts"))
                            .anyMatch(m -> file.startsWith(m.path("mountPath").asText() + "/")
                                    && m.path("name").asText().equals("models"));
            if (!there || !file.endsWith(".gguf")) {
                problems.add(pod.name() + " reads its model from '" + file + "', which no volume and no image has");
            }
            if (!label.equals(environment.get("BATON_ENGINE_MODEL_NAME"))) {
                problems.add(pod.name() + " serves " + environment.get("BATON_ENGINE_MODEL_NAME")
                        + ", but its label is " + label);
            }
        }
        return problems;
    }

    private static List<String> vllm(Pod pod, Map<String, String> environment, String label) {
        ObjectNode vllm = pod.container("vllm").orElse(null);
        if (vllm == null || pod.container("routing-proxy").isEmpty()) {
            return List.of(pod.name() + " needs a container vllm and a container routing-proxy");
        }
        List<String> problems = new ArrayList<>();
        List<String> arguments = each(vllm.path("args")).map(JsonNode::asText).toList();
        if (arguments.isEmpty() || arguments.getFirst().startsWith("-")) {
            problems.add(pod.name() + ": vLLM is not told which model to serve: " + arguments);
        }
        if (!arguments.contains("--served-model-name=" + label) || !label.equals(environment.get("BATON_VLLM_MODEL"))) {
            problems.add(
                    pod.name() + ": vLLM, routing-proxy and the label " + label + " disagree about the model's name");
        }
        if (!"vllm".equals(environment.get("BATON_ENGINE_KIND"))) {
            problems.add(pod.name() + ": routing-proxy does not use vLLM");
        }
        Map<String, String> ports = new HashMap<>();
        each(vllm.path("ports"))
                .forEach(p -> ports.put(
                        p.path("name").asText(), p.path("containerPort").asText()));
        if (!arguments.contains("--port=" + ports.get("vllm"))
                || !("http://127.0.0.1:" + ports.get("vllm")).equals(environment.get("BATON_VLLM_BASE_URL"))) {
            problems.add(pod.name() + ": vLLM's argument, its port and routing-proxy's base URL disagree");
        }
        if (arguments.stream()
                .noneMatch(a -> a.startsWith("--kv-transfer-config=")
                        && a.contains("\"kv_connector\":\"NixlConnector\"")
                        && a.contains("\"kv_role\":\"kv_both\""))) {
            problems.add(pod.name() + ": vLLM has no NIXL connector");
        }
        Map<String, String> own = new HashMap<>();
        each(vllm.path("env"))
                .forEach(e -> own.put(e.path("name").asText(), e.path("value").asText()));
        if (!"$(BATON_POD_IP)".equals(own.get("VLLM_NIXL_SIDE_CHANNEL_HOST"))
                || !String.valueOf(ports.get("nixl")).equals(own.get("VLLM_NIXL_SIDE_CHANNEL_PORT"))) {
            problems.add(pod.name() + ": the side channel of NIXL is not at the pod's address and the port nixl");
        }
        return problems;
    }
}
