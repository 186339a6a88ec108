package io.baton.cli.k8s;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.yaml.snakeyaml.LoaderOptions;
import org.yaml.snakeyaml.Yaml;
import org.yaml.snakeyaml.constructor.SafeConstructor;

/** The objects of a manifest, to be read, and changed by a mutation. Not thread-safe. */
record Manifests(List<ObjectNode> objects) {
    private static final ObjectMapper JSON = new ObjectMapper();

    /** Reads YAML documents. */
    static Manifests parse(String yaml) {
        LoaderOptions options = new LoaderOptions();
        options.setAllowDuplicateKeys(false);
        List<ObjectNode> objects = new ArrayList<>();
        for (Object document : new Yaml(new SafeConstructor(options)).loadAll(yaml)) {
            if (document != null) {
                objects.add(JSON.valueToTree(document));
            }
        }
        return new Manifests(objects);
    }

    /** These and those. */
    Manifests with(Manifests more) {
        return new Manifests(
                Stream.concat(objects.stream(), more.objects.stream()).toList());
    }

    /** A copy that may be changed. */
    Manifests copy() {
        return new Manifests(
                new ArrayList<>(objects.stream().map(ObjectNode::deepCopy).toList()));
    }

    static String kind(JsonNode object) {
        return object.path("kind").asText();
    }

    static String name(JsonNode object) {
        return object.at("/metadata/name").asText();
    }

    static String title(JsonNode object) {
        return kind(object) + "/" + name(object);
    }

    List<ObjectNode> ofKind(String kind) {
        return objects.stream().filter(o -> kind(o).equals(kind)).toList();
    }

    Optional<ObjectNode> find(String kind, String name) {
        return ofKind(kind).stream().filter(o -> name(o).equals(name)).findFirst();
    }

    ObjectNode get(String kind, String name) {
        return find(kind, name).orElseThrow(() -> new AssertionError("there is no " + kind + "/" + name));
    }

    /** The pods that deployments make. */
    List<Pod> pods() {
        return ofKind("Deployment").stream().map(Pod::new).toList();
    }

    Pod pod(String deployment) {
        return new Pod(get("Deployment", deployment));
    }

    static Stream<JsonNode> each(JsonNode array) {
        return StreamSupport.stream(array.spliterator(), false);
    }

    static Map<String, String> map(JsonNode object) {
        Map<String, String> map = new LinkedHashMap<>();
        object.properties().forEach(e -> map.put(e.getKey(), e.getValue().asText()));
        return map;
    }

    /** What a container gets as environment from this manifest; what the cluster adds, such as the pod's address, stays out. */
    Map<String, String> environment(JsonNode container) {
        Map<String, String> environment = new LinkedHashMap<>();
        each(container.path("envFrom"))
                .map(from -> from.at("/configMapRef/name").asText())
                .flatMap(name -> find("ConfigMap", name).stream())
                .forEach(config -> environment.putAll(map(config.path("data"))));
        each(container.path("env"))
                .filter(e -> e.has("value"))
                .forEach(e ->
                        environment.put(e.path("name").asText(), e.path("value").asText()));
        return environment;
    }

    /** A deployment's pod. */
    record Pod(ObjectNode deployment) {
        String name() {
            return Manifests.name(deployment);
        }

        JsonNode template() {
            return deployment.at("/spec/template");
        }

        ObjectNode spec() {
            return (ObjectNode) template().path("spec");
        }

        Map<String, String> labels() {
            return map(template().at("/metadata/labels"));
        }

        boolean isWorker() {
            return labels().containsKey("llm-d.ai/role");
        }

        List<ObjectNode> containers() {
            return each(spec().path("containers")).map(ObjectNode.class::cast).toList();
        }

        /** Containers that run as long as the pod: also init containers that are restarted. */
        List<ObjectNode> running() {
            return Stream.concat(
                            containers().stream(),
                            each(spec().path("initContainers")).map(ObjectNode.class::cast))
                    .toList();
        }

        /** The container with Baton's service. */
        ObjectNode baton() {
            return containers().stream()
                    .filter(c -> c.path("image").asText().startsWith("baton/"))
                    .findFirst()
                    .orElseThrow(() -> new AssertionError(name() + " has no container of Baton"));
        }

        Optional<ObjectNode> container(String name) {
            return containers().stream()
                    .filter(c -> c.path("name").asText().equals(name))
                    .findFirst();
        }

        /** Whether a selector of the form matchLabels takes it; an empty one takes every pod. */
        boolean matches(JsonNode matchLabels) {
            return labels().entrySet().containsAll(map(matchLabels).entrySet());
        }
    }
}
