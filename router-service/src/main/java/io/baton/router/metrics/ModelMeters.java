package io.baton.router.metrics;

import io.baton.router.life.RequestState.Phase;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.DistributionSummary;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * The meters of one model, under vLLM's names where the meaning is vLLM's.
 *
 * <p><em>Thread-safety:</em> safe.
 */
final class ModelMeters {
    private static final double[] TTFT_SECONDS = {
        0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80
    };
    private static final double[] ITL_SECONDS = {
        0.001, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 10
    };
    private static final double[] REQUEST_SECONDS = {
        0.01, 0.05, 0.1, 0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480
    };
    private static final double[] TOKENS = {
        1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000
    };

    private final String model;
    private final MeterRegistry registry;
    private final AtomicInteger waiting = new AtomicInteger();
    private final AtomicInteger running = new AtomicInteger();
    private final Map<String, Counter> success = new ConcurrentHashMap<>();
    final Timer timeToFirstToken;
    final Timer interTokenLatency;
    final Timer endToEnd;
    final Timer queue;
    final Timer prefill;
    final Timer decode;
    final Counter promptTokens;
    final Counter generationTokens;
    final DistributionSummary requestPromptTokens;
    final DistributionSummary requestGenerationTokens;
    final Counter retries;
    final Counter moves;
    final Counter handOvers;

    ModelMeters(String model, MeterRegistry registry) {
        this.model = model;
        this.registry = registry;
        gauge("vllm:num_requests_waiting", waiting, "Requests that wait for a prefill and a decode worker");
        gauge("vllm:num_requests_running", running, "Requests that are computed");
        this.timeToFirstToken =
                timer("vllm:time_to_first_token", TTFT_SECONDS, "From the arrival of a request to its first token");
        this.interTokenLatency = timer("vllm:inter_token_latency", ITL_SECONDS, "Between two tokens of a request");
        this.endToEnd = timer("vllm:e2e_request_latency", REQUEST_SECONDS, "From the arrival of a request to its end");
        this.queue = timer(
                "vllm:request_queue_time", REQUEST_SECONDS, "From the arrival of a request to its first computation");
        this.prefill = timer("vllm:request_prefill_time", REQUEST_SECONDS, "From the first chunk to the first token");
        this.decode =
                timer("vllm:request_decode_time", REQUEST_SECONDS, "From joining decode's batch to the last token");
        this.promptTokens = counter("vllm:prompt_tokens", "Tokens of prompts of requests that ended well");
        this.generationTokens = counter("vllm:generation_tokens", "Tokens generated");
        this.requestPromptTokens = summary("vllm:request_prompt_tokens", "Tokens of the prompt of a request");
        this.requestGenerationTokens = summary("vllm:request_generation_tokens", "Tokens generated for a request");
        this.retries = counter("baton_router_retries", "Failed legs that were replaced");
        this.moves = counter("baton_router_streams_moved", "Attempts to continue a stream with other workers");
        this.handOvers = counter(
                "baton_router_streams_handed_over", "Streams that another decode worker took over from a draining one");
    }

    void inPhase(Phase phase, int change) {
        switch (phase) {
            case WAITING -> waiting.addAndGet(change);
            case RUNNING -> running.addAndGet(change);
            case ENDED -> {
                // Counted by status when it ends.
            }
        }
    }

    Counter success(String finishReason) {
        return success.computeIfAbsent(
                finishReason,
                reason -> Counter.builder("vllm:request_success")
                        .description("Requests that are over, by how")
                        .tag("model_name", model)
                        .tag("finished_reason", reason)
                        .register(registry));
    }

    private void gauge(String name, AtomicInteger value, String description) {
        Gauge.builder(name, value, AtomicInteger::get)
                .description(description)
                .tag("model_name", model)
                .register(registry);
    }

    private Counter counter(String name, String description) {
        return Counter.builder(name)
                .description(description)
                .tag("model_name", model)
                .register(registry);
    }

    private Timer timer(String name, double[] seconds, String description) {
        return Timer.builder(name)
                .description(description)
                .tag("model_name", model)
                .serviceLevelObjectives(Arrays.stream(seconds)
                        .mapToObj(s -> Duration.ofNanos(Math.round(s * 1e9)))
                        .toArray(Duration[]::new))
                .register(registry);
    }

    private DistributionSummary summary(String name, String description) {
        return DistributionSummary.builder(name)
                .description(description)
                .tag("model_name", model)
                .serviceLevelObjectives(TOKENS)
                .register(registry);
    }
}
