package io.baton.worker.vllm;

import io.baton.worker.MemorySize;
import io.baton.worker.SettingException;
import io.smallrye.config.WithDefault;
import java.net.URI;
import java.time.Duration;
import java.util.Optional;

/** Settings of a worker beside a vLLM server. Their prefix is {@code baton.vllm}. */
public interface VllmSettings {
    /** Address of the vLLM server, without a path. */
    @WithDefault("http://127.0.0.1:8200")
    String baseUrl();

    /** Name of the model, as the server's /v1/models has it; the only one there unless set. */
    Optional<String> model();

    /** What the server's --api-key was given; none unless set. */
    Optional<String> apiKey();

    /** Longest wait for a connection to the server. */
    @WithDefault("2s")
    Duration connectTimeout();

    /** Longest wait for the answer to a small question: tokens, models, metrics. */
    @WithDefault("30s")
    Duration tokenizeTimeout();

    /** Longest wait for a prompt to be computed. */
    @WithDefault("5m")
    Duration prefillTimeout();

    /** Longest time from a prompt's KV cache to decode's first token; shorter than the lease of vLLM's connector (30 s). */
    @WithDefault("20s")
    Duration handoverTimeout();

    /** Longest silence of a stream that has begun. */
    @WithDefault("60s")
    Duration idleTimeout();

    /** Time between two questions for the server's health. */
    @WithDefault("1s")
    Duration healthInterval();

    /** Longest wait for the answer to one. */
    @WithDefault("2s")
    Duration healthTimeout();

    /** Questions in a row without a good answer after which the worker is not ready. */
    @WithDefault("2")
    int healthFailures();

    /** How long a starting worker waits for the server, which may load a model first. */
    @WithDefault("15m")
    Duration startTimeout();

    /** Largest answer of the server that is no stream. */
    @WithDefault("16M")
    MemorySize maxResponse();

    /** Largest event of a stream. */
    @WithDefault("1M")
    MemorySize maxEvent();

    /** Largest kv_transfer_params. */
    @WithDefault("1M")
    MemorySize maxParams();

    /** Fails with a {@link SettingException} on the first value out of range. */
    default void validate() {
        check(isBase(baseUrl()), "base-url", baseUrl(), "must be written http://host:port or https://host:port");
        model().ifPresent(v -> check(!v.isBlank(), "model", v, "must not be blank"));
        apiKey().ifPresent(v -> check(
                !v.isBlank() && v.chars().allMatch(c -> c > ' ' && c < 127),
                "api-key",
                "…",
                "must be printable ASCII without spaces"));
        positive("connect-timeout", connectTimeout());
        positive("tokenize-timeout", tokenizeTimeout());
        positive("prefill-timeout", prefillTimeout());
        positive("handover-timeout", handoverTimeout());
        positive("idle-timeout", idleTimeout());
        positive("health-interval", healthInterval());
        positive("health-timeout", healthTimeout());
        positive("start-timeout", startTimeout());
        check(healthFailures() >= 1, "health-failures", healthFailures(), "must be at least 1");
        size("max-response", maxResponse());
        size("max-event", maxEvent());
        size("max-params", maxParams());
    }

    private static boolean isBase(String url) {
        try {
            URI uri = URI.create(url);
            String path = uri.getPath();
            return ("http".equals(uri.getScheme()) || "https".equals(uri.getScheme()))
                    && uri.getHost() != null
                    && (path == null || path.isEmpty() || path.equals("/"))
                    && uri.getQuery() == null;
        } catch (IllegalArgumentException e) {
            // The answer to the question.
            return false;
        }
    }

    private static void positive(String name, Duration value) {
        check(
                value.isPositive() && value.toDays() < 366,
                name,
                value,
                "must be longer than zero and shorter than a year");
    }

    private static void size(String name, MemorySize value) {
        check(value.bytes() >= 1024 && value.bytes() <= 1 << 30, name, value, "must be in [1K, 1G]");
    }

    private static void check(boolean ok, String name, Object value, String expected) {
        if (!ok) {
            throw new SettingException("baton.vllm." + name, value, expected);
        }
    }
}
