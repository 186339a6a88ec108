package io.baton.worker.vllm;

import io.baton.error.ErrorCode;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * The metrics of a worker beside a vLLM server. None has one of vLLM's names: vLLM tells those itself.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
public final class VllmMetrics {
    private static final Duration[] BUCKETS = Arrays.stream(new long[] {
                1, 5, 10, 25, 50, 100, 200, 500, 1000, 2500, 5000, 10_000, 20_000, 40_000, 80_000, 160_000
            })
            .mapToObj(Duration::ofMillis)
            .toArray(Duration[]::new);

    private final Timer tokenize;
    private final Timer prefill;
    private final Timer firstToken;
    private final Counter handedOver;
    private final Counter computedByDecode;
    private final Map<ErrorCode, Counter> errors = new EnumMap<>(ErrorCode.class);

    /** Registers everything. */
    VllmMetrics(MeterRegistry registry, String model, VllmRuntime runtime) {
        Tags tags = Tags.of("model_name", model);
        gauge(registry, tags, "baton_open_legs", runtime, r -> r.lifecycle().open());
        gauge(registry, tags, "baton_waiting_legs", runtime, r -> r.lifecycle().waiting());
        gauge(registry, tags, "baton_open_streams", runtime, VllmRuntime::streams);
        gauge(registry, tags, "baton_vllm_up", runtime, r -> r.healthy() ? 1 : 0);
        tokenize = timer(registry, tags, "baton_vllm_tokenize", "Time of a question for the tokens of a prompt");
        prefill = timer(registry, tags, "baton_vllm_prefill", "Time of a prefill request");
        firstToken = timer(registry, tags, "baton_vllm_first_token", "From a decode request to its first token");
        handedOver = Counter.builder("baton_vllm_handovers")
                .description("KV caches that decode took over or generated without")
                .tags(tags)
                .register(registry);
        computedByDecode = Counter.builder("baton_decode_computed_prompt_tokens")
                .description("Prompt tokens that decode computed, where vLLM tells")
                .tags(tags)
                .register(registry);
        for (ErrorCode code : ErrorCode.values()) {
            errors.put(
                    code,
                    Counter.builder("baton_errors")
                            .description("Legs that failed")
                            .tags(tags.and("code", code.name()))
                            .register(registry));
        }
    }

    /** A prompt was tokenised in so many nanoseconds. */
    public void tokenized(long nanos) {
        tokenize.record(Duration.ofNanos(nanos));
    }

    /** A prompt was computed in so many nanoseconds. */
    public void prefilled(long nanos) {
        prefill.record(Duration.ofNanos(nanos));
    }

    /** The first token came so many nanoseconds after the request for it. */
    public void firstToken(long nanos) {
        firstToken.record(Duration.ofNanos(nanos));
        handedOver.increment();
    }

    /** Decode computed so many tokens of a prompt. */
    public void computedByDecode(int tokens) {
        computedByDecode.increment(tokens);
    }

    void failed(ErrorCode code) {
        Counter c = errors.get(code);
        if (c != null) {
            c.increment();
        }
    }

    private static void gauge(
            MeterRegistry registry, Tags tags, String name, VllmRuntime runtime, ToDoubleFunction<VllmRuntime> value) {
        Gauge.builder(name, runtime, value).tags(tags).strongReference(true).register(registry);
    }

    private static Timer timer(MeterRegistry registry, Tags tags, String name, String description) {
        return Timer.builder(name)
                .description(description)
                .tags(tags)
                .serviceLevelObjectives(BUCKETS)
                .register(registry);
    }
}
