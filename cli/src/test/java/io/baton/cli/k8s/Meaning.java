package io.baton.cli.k8s;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Comparator;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/** Manifests in a form that is equal where they mean the same: the order of objects, of keys and of most lists is nothing. */
final class Meaning {
    /** Lists whose order means something: variables are expanded one after the other. */
    private static final Set<String> ORDERED = Set.of("args", "command", "env", "envFrom", "initContainers");

    private Meaning() {}

    static Map<String, JsonNode> of(Manifests manifests) {
        Map<String, JsonNode> objects = new TreeMap<>();
        for (ObjectNode object : manifests.objects()) {
            if (objects.put(Manifests.title(object), canonical(object, true)) != null) {
                throw new AssertionError(Manifests.title(object) + " is there twice");
            }
        }
        return objects;
    }

    private static JsonNode canonical(JsonNode node, boolean sort) {
        if (node.isObject()) {
            ObjectNode sorted = JsonNodeFactory.instance.objectNode();
            node.properties().stream()
                    .sorted(Map.Entry.comparingByKey())
                    .forEach(e -> sorted.set(e.getKey(), canonical(e.getValue(), !ORDERED.contains(e.getKey()))));
            return sorted;
        }
        if (node.isArray()) {
            ArrayNode list = JsonNodeFactory.instance.arrayNode();
            var elements = Manifests.each(node).map(element -> canonical(element, true));
            (sort ? elements.sorted(Comparator.comparing(JsonNode::toString)) : elements).forEach(list::add);
            return list;
        }
        return node;
    }
}
