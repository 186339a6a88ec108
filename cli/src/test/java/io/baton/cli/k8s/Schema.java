package io.baton.cli.k8s;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.gson.JsonElement;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import io.kubernetes.client.openapi.JSON;
import io.kubernetes.client.openapi.models.V1ConfigMap;
import io.kubernetes.client.openapi.models.V1Deployment;
import io.kubernetes.client.openapi.models.V1NetworkPolicy;
import io.kubernetes.client.openapi.models.V1PersistentVolumeClaim;
import io.kubernetes.client.openapi.models.V1PodDisruptionBudget;
import io.kubernetes.client.openapi.models.V1Secret;
import io.kubernetes.client.openapi.models.V1Service;
import io.kubernetes.client.openapi.models.V1ServiceAccount;
import io.kubernetes.client.openapi.models.V2HorizontalPodAutoscaler;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * The schema of the Kubernetes API, as the models generated from its OpenAPI document hold it: a field that they do not have, one
 * that is missing, and one of another type are refused, at every depth.
 */
final class Schema {
    private static final Map<String, Class<?>> MODELS = Map.of(
            "v1/ConfigMap", V1ConfigMap.class,
            "v1/PersistentVolumeClaim", V1PersistentVolumeClaim.class,
            "v1/Secret", V1Secret.class,
            "v1/Service", V1Service.class,
            "v1/ServiceAccount", V1ServiceAccount.class,
            "apps/v1/Deployment", V1Deployment.class,
            "policy/v1/PodDisruptionBudget", V1PodDisruptionBudget.class,
            "networking.k8s.io/v1/NetworkPolicy", V1NetworkPolicy.class,
            "autoscaling/v2/HorizontalPodAutoscaler", V2HorizontalPodAutoscaler.class);

    private Schema() {}

    /** Whether the API has this kind without a custom resource definition. */
    static boolean knows(JsonNode object) {
        return MODELS.containsKey(type(object));
    }

    static String type(JsonNode object) {
        return object.path("apiVersion").asText() + "/" + Manifests.kind(object);
    }

    /** What is wrong with an object of a kind that is known; empty if nothing is. */
    static Optional<String> problem(JsonNode object) {
        Class<?> model = java.util.Objects.requireNonNull(MODELS.get(type(object)));
        JsonElement json = JsonParser.parseString(object.toString());
        try {
            model.getMethod("validateJsonElement", JsonElement.class).invoke(null, json);
            // Numbers are checked only when they are read.
            var _ = JSON.getGson().fromJson(json, model);
            return Optional.empty();
        } catch (InvocationTargetException e) {
            if (e.getCause() instanceof IllegalArgumentException || e.getCause() instanceof IOException) {
                return Optional.of(Manifests.title(object) + ": " + e.getCause().getMessage());
            }
            throw new AssertionError(e);
        } catch (JsonParseException | IllegalArgumentException e) {
            return Optional.of(Manifests.title(object) + ": " + e.getMessage());
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("the model " + model + " has no check", e);
        }
    }

    /** Kinds without a custom resource definition, by group, version and kind. */
    static List<String> kinds() {
        return MODELS.keySet().stream().sorted().toList();
    }
}
