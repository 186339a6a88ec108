package io.baton.worker;

import io.baton.engine.Engine;
import io.baton.engine.EngineStats;
import io.baton.error.ErrorCode;
import io.baton.kv.lease.LeaseTable;
import io.baton.kv.transfer.KvTransferServer;
import io.baton.worker.v1.WorkerRole;
import io.micrometer.core.instrument.Counter;
import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.Tags;
import io.micrometer.core.instrument.Timer;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.function.LongSupplier;
import java.util.function.ToDoubleFunction;

/**
 * The metrics that mean the same in both workers. Those that mean the same in vLLM have its names ({@code vllm:…}), the
 * others begin with {@code baton_}. Prometheus adds the units' and counters' suffixes.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
public final class WorkerMetrics {
    private static final Duration[] LATENCY_BUCKETS = millis(
            1, 2, 5, 10, 25, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1000, 2500, 5000, 7500, 10_000, 20_000, 40_000,
            80_000);

    private final Tags tags;
    private final Timer queue;
    private final Timer transferIn;
    private final Counter bytesIn;
    private final Counter blocksIn;
    private final Timer interToken;
    private final Timer requestPrefill;
    private final Timer requestDecode;
    private final Counter promptTokens;
    private final Counter generationTokens;
    private final Counter cacheQueries;
    private final Counter cacheHits;
    private final Counter hitTokens;
    private final Map<ErrorCode, Counter> errors = new EnumMap<>(ErrorCode.class);

    /** What the gauges show of a worker. */
    public record Sources(
            WorkerRole role,
            Engine engine,
            WorkerLifecycle lifecycle,
            LongSupplier openStreams,
            LongSupplier pinnedBytes,
            LongSupplier storeUsedBytes,
            LongSupplier storeCapacityBytes) {}

    /** Registers everything. */
    public WorkerMetrics(MeterRegistry registry, Sources s) {
        tags = Tags.of("model_name", s.engine().model().name());
        engineMeters(registry, s);
        gauge(registry, "vllm:num_requests_waiting", s, x -> x.lifecycle().waiting());
        gauge(registry, "baton_open_legs", s, x -> x.lifecycle().open());
        gauge(registry, "baton_open_streams", s, x -> x.openStreams().getAsLong());
        gauge(registry, "baton_kv_pinned_bytes", s, x -> x.pinnedBytes().getAsLong());
        storeGauge(registry, "used", s, x -> x.storeUsedBytes().getAsLong());
        storeGauge(registry, "capacity", s, x -> x.storeCapacityBytes().getAsLong());
        queue = timer(registry, "baton_queue", tags, "From Go, or Start, to the first computation");
        transferIn = timer(registry, "baton_kv_transfer", tags.and("direction", "in"), "Time of one block's pull");
        bytesIn = counter(registry, "baton_kv_transfer_bytes", tags.and("direction", "in"), "KV bytes moved");
        blocksIn = counter(registry, "baton_kv_transfer_blocks", tags.and("direction", "in"), "KV blocks moved");
        interToken = timer(registry, "vllm:inter_token_latency", tags, "Time between two tokens of a request");
        requestPrefill = timer(registry, "vllm:request_prefill_time", tags, "From the first chunk to the first token");
        requestDecode = timer(registry, "vllm:request_decode_time", tags, "From joining the batch to the last token");
        promptTokens = counter(registry, "vllm:prompt_tokens", tags, "Prompt tokens of requests");
        generationTokens = counter(registry, "vllm:generation_tokens", tags, "Tokens generated");
        cacheQueries = counter(registry, "vllm:prefix_cache_queries", tags, "Prompt tokens looked up in the store");
        cacheHits = counter(registry, "vllm:prefix_cache_hits", tags, "Prompt tokens found in the store");
        hitTokens = counter(registry, "baton_prefix_hit_tokens", tags, "Prompt tokens neither computed nor pulled");
        for (ErrorCode code : ErrorCode.values()) {
            errors.put(code, counter(registry, "baton_errors", tags.and("code", code.name()), "Legs that failed"));
        }
    }

    private void engineMeters(MeterRegistry registry, Sources s) {
        stat(registry, "vllm:num_requests_running", s, EngineStats::running);
        stat(registry, "baton_engine_reserved_cells", s, EngineStats::reservedCells);
        stat(registry, "baton_engine_used_cells", s, EngineStats::usedCells);
        stat(registry, "baton_engine_open_sequences", s, EngineStats::openSequences);
        ToDoubleFunction<Sources> usage = x ->
                x.engine().stats().usedCells() / (double) x.engine().limits().cells();
        gauge(registry, "vllm:kv_cache_usage_perc", s, usage);
        gauge(registry, "vllm:gpu_cache_usage_perc", s, usage);
        boolean decode = s.role() == WorkerRole.WORKER_ROLE_DECODE;
        ToDoubleFunction<EngineStats> prompts = EngineStats::promptTokensComputed;
        ToDoubleFunction<EngineStats> missing = EngineStats::decodePromptTokensComputed;
        count(registry, "baton_prefill_computed_tokens", s, decode ? _ -> 0 : prompts);
        count(
                registry,
                "baton_decode_computed_prompt_tokens",
                s,
                decode ? x -> prompts.applyAsDouble(x) + missing.applyAsDouble(x) : missing);
        count(registry, "baton_engine_steps", s, EngineStats::steps);
        count(registry, "baton_engine_imported_bytes", s, EngineStats::importedBytes);
        count(registry, "baton_engine_exported_bytes", s, EngineStats::exportedBytes);
    }

    /** A request of {@code prompt} tokens was taken; {@code cached} of the {@code looked} tokens were in the store. */
    public void request(int prompt, int looked, int cached) {
        promptTokens.increment(prompt);
        cacheQueries.increment(looked);
        cacheHits.increment(cached);
        hitTokens.increment(cached);
    }

    /** A token was generated. */
    public void generated() {
        generationTokens.increment();
    }

    /** A token came {@code nanos} after the one before it. */
    public void interToken(long nanos) {
        interToken.record(Duration.ofNanos(nanos));
    }

    /** A leg waited this long before it computed. */
    public void queued(long nanos) {
        queue.record(Duration.ofNanos(nanos));
    }

    /** A prompt took this long from its first chunk to its first token. */
    public void prefilled(long nanos) {
        requestPrefill.record(Duration.ofNanos(nanos));
    }

    /** A generation took this long from joining the batch to its last token. */
    public void decoded(long nanos) {
        requestDecode.record(Duration.ofNanos(nanos));
    }

    /** A block was pulled from another worker. */
    public void pulled(long bytes, long nanos) {
        bytesIn.increment((double) bytes);
        blocksIn.increment();
        transferIn.record(Duration.ofNanos(nanos));
    }

    /** Counts what {@code sender} sends. */
    public void bind(MeterRegistry registry, KvTransferServer sender) {
        FunctionCounter.builder("baton_kv_transfer_bytes", sender, x ->
                        (double) x.stats().sentBytes())
                .description("KV bytes moved")
                .tags(tags.and("direction", "out"))
                .register(registry);
        FunctionCounter.builder("baton_kv_transfer_blocks", sender, x ->
                        (double) x.stats().sentBlocks())
                .description("KV blocks moved")
                .tags(tags.and("direction", "out"))
                .register(registry);
        for (ErrorCode code : ErrorCode.values()) {
            if (code.openAiType().equals("kv_transfer_error")) {
                FunctionCounter.builder("baton_kv_refused", sender, x ->
                                (double) x.stats().refused().getOrDefault(code, 0L))
                        .description("Pulls, renewals and acknowledgements that the holder refused")
                        .tags(tags.and("code", code.name()))
                        .register(registry);
            }
        }
    }

    /** Measures the leases of a holder, and what it refused. */
    public void bind(MeterRegistry registry, LeaseTable leases) {
        Gauge.builder("baton_kv_leases", leases, x -> x.stats().leases())
                .tags(tags)
                .strongReference(true)
                .register(registry);
        FunctionCounter.builder("baton_kv_leases_expired", leases, LeaseTable::expired)
                .description("Leases that ended because nobody renewed them")
                .tags(tags)
                .register(registry);
        FunctionCounter.builder("baton_kv_leases_renewed", leases, LeaseTable::renewed)
                .description("Renewals of leases by their receivers")
                .tags(tags)
                .register(registry);
    }

    /** A leg failed. */
    public void failed(ErrorCode code) {
        Counter c = errors.get(code);
        if (c != null) {
            c.increment();
        }
    }

    private void stat(MeterRegistry registry, String name, Sources s, ToDoubleFunction<EngineStats> value) {
        gauge(registry, name, s, x -> value.applyAsDouble(x.engine().stats()));
    }

    private void count(MeterRegistry registry, String name, Sources s, ToDoubleFunction<EngineStats> value) {
        FunctionCounter.builder(name, s, x -> value.applyAsDouble(x.engine().stats()))
                .tags(tags)
                .register(registry);
    }

    private void gauge(MeterRegistry registry, String name, Sources s, ToDoubleFunction<Sources> value) {
        Gauge.builder(name, s, value).tags(tags).strongReference(true).register(registry);
    }

    private void storeGauge(MeterRegistry registry, String state, Sources s, ToDoubleFunction<Sources> value) {
        Gauge.builder("baton_kv_store_bytes", s, value)
                .tags(tags.and("state", state))
                .strongReference(true)
                .register(registry);
    }

    private static Counter counter(MeterRegistry registry, String name, Tags tags, String description) {
        return Counter.builder(name).description(description).tags(tags).register(registry);
    }

    private static Timer timer(MeterRegistry registry, String name, Tags tags, String description) {
        return Timer.builder(name)
                .description(description)
                .tags(tags)
                .serviceLevelObjectives(LATENCY_BUCKETS)
                .register(registry);
    }

    private static Duration[] millis(long... values) {
        return Arrays.stream(values).mapToObj(Duration::ofMillis).toArray(Duration[]::new);
    }
}
