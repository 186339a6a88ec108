package io.baton.testvllm;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * A server that a test starts, breaks and ends. It can die as a process does and come back at the same port with a new
 * engine id; both steps of a hand-over are checked to the letter, and what is wrong is kept in {@link #violations}.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
public final class TestVllm implements AutoCloseable {
    /** The six members of a first step, as {@code llm-d/llm-d-routing-sidecar:internal/proxy/connector_nixlv2.go} sends them. */
    private static final String FIRST_STEP = "{\"do_remote_decode\":true,\"do_remote_prefill\":false,"
            + "\"remote_engine_id\":null,\"remote_block_ids\":null,\"remote_host\":null,\"remote_port\":null}";

    private final Fabric fabric;
    private final List<String> violations = new CopyOnWriteArrayList<>();
    private final List<JsonNode> completions = new CopyOnWriteArrayList<>();
    private final AtomicInteger running = new AtomicInteger();
    private final AtomicInteger aborted = new AtomicInteger();
    private final AtomicInteger loaded = new AtomicInteger();
    private final AtomicInteger failedLoads = new AtomicInteger();
    private final AtomicInteger recomputed = new AtomicInteger();
    private final Set<Long> prefixes = new HashSet<>();
    private final int port;
    private volatile Behaviour behaviour;
    private volatile boolean healthy = true;
    private final AtomicReference<Runnable> afterPrefill = new AtomicReference<>(() -> {});
    private final AtomicInteger modelQuestions = new AtomicInteger();
    private volatile @Nullable Running alive;

    /** What dies and comes back. */
    private record Running(Http http, String engineId, KvMemory memory) {}

    /** A server at a port of its own. */
    public TestVllm(Fabric fabric, Behaviour behaviour) {
        this.fabric = fabric;
        this.behaviour = behaviour;
        this.port = start(0);
    }

    private int start(int wantedPort) {
        KvMemory memory = new KvMemory(behaviour.blocks());
        String engineId = UUID.randomUUID().toString();
        Http http = new Http(wantedPort, new Answers());
        alive = new Running(http, engineId, memory);
        fabric.join(engineId, memory);
        return http.port();
    }

    private Running alive() {
        Running p = alive;
        if (p == null) {
            throw new Refusal(503, "the server is dead");
        }
        return p;
    }

    /** Its address, as baton.vllm.base-url takes it. */
    public String baseUrl() {
        return "http://127.0.0.1:" + port;
    }

    /** Dies: connections are reset, its KV cache is gone, and so is its engine id. */
    public void die() {
        Running p = alive;
        alive = null;
        if (p != null) {
            fabric.leave(p.engineId);
            p.http.close();
        }
    }

    /** Dies as {@link #die}, but what it answers now still arrives: the KV cache of that answer is gone when it is read. */
    public void dieAfterThisAnswer() {
        Running p = alive;
        alive = null;
        if (p != null) {
            fabric.leave(p.engineId);
            p.http.refuse();
        }
    }

    /** Its engine starts again behind the same server: another engine id, and no KV cache. */
    public void restartEngine() {
        Running p = alive();
        fabric.leave(p.engineId);
        KvMemory memory = new KvMemory(behaviour.blocks());
        String engineId = UUID.randomUUID().toString();
        alive = new Running(p.http, engineId, memory);
        fabric.join(engineId, memory);
    }

    /** Starts again at the same port, as another engine. */
    public void comeBack() {
        start(port);
    }

    /** Dies and comes back between two requests. */
    public void restart() {
        die();
        comeBack();
    }

    /** What /health says. */
    public void healthy(boolean works) {
        healthy = works;
    }

    /** Behaves otherwise from now on; the number of blocks and the lease of those that are kept do not change. */
    public void behave(Behaviour other) {
        behaviour = other;
    }

    /** Does something once, when the next prompt was computed and before the answer is sent. */
    public void afterNextPrefill(Runnable what) {
        afterPrefill.set(what);
    }

    /** Computes another prompt and keeps its KV cache, as for another client. */
    public void computeAnother(String prompt) {
        var _ = alive().memory.keep(UUID.randomUUID().toString(), ToyModel.rows(ToyModel.tokenize(prompt)), 1);
    }

    /** Whether it has died and not come back. */
    public boolean dead() {
        return alive == null;
    }

    /** How often it was asked for its models. */
    public int modelQuestions() {
        return modelQuestions.get();
    }

    /** What was wrong with what it received. */
    public List<String> violations() {
        return List.copyOf(violations);
    }

    /** Bodies of all completion requests. */
    public List<JsonNode> completions() {
        return List.copyOf(completions);
    }

    /** Completions that are being computed. */
    public int running() {
        return running.get();
    }

    /** Completions whose client went before the end. */
    public int aborted() {
        return aborted.get();
    }

    /** KV caches that it read from another engine. */
    public int loaded() {
        return loaded.get();
    }

    /** KV caches that it could not read. */
    public int failedLoads() {
        return failedLoads.get();
    }

    /** Prompts that it computed because it could not read their KV cache. */
    public int recomputed() {
        return recomputed.get();
    }

    /** Prompts whose KV cache waits for a reader. */
    public int leases() {
        Running p = alive;
        return p == null ? 0 : p.memory.leases();
    }

    /** Leases that ran out. */
    public int expiredLeases() {
        return alive().memory.expired();
    }

    @Override
    public void close() {
        die();
    }

    private final class Answers implements Http.Handler {
        @Override
        public void gone(Http.Request request) {
            if (request.path().equals("/v1/completions")) {
                aborted.incrementAndGet();
            }
        }

        @Override
        public void answer(Http.Request request, Http.Answer answer) throws IOException, InterruptedException {
            try {
                String key = behaviour.apiKey();
                if (key != null
                        && request.path().startsWith("/v1/")
                        && !("Bearer " + key).equals(request.headers().get("authorization"))) {
                    throw new Refusal(401, "Unauthorized");
                }
                switch (request.method() + " " + request.path()) {
                    case "GET /health" -> answer.whole(healthy ? 200 : 503, "application/json", new byte[0]);
                    case "GET /metrics" ->
                        answer.whole(200, "text/plain", bytes("vllm:num_requests_running " + running + "\n"));
                    case "GET /v1/models" -> {
                        modelQuestions.incrementAndGet();
                        json(answer, Questions.models(behaviour));
                    }
                    case "POST /tokenize" -> json(answer, Questions.tokens(behaviour, Messages.tree(request.body())));
                    case "POST /v1/completions" -> completion(request, answer);
                    default -> throw new Refusal(404, "Not Found");
                }
            } catch (Refusal e) {
                answer.whole(e.status(), "application/json", bytes(e.json()));
            }
        }
    }

    private void completion(Http.Request request, Http.Answer answer) throws IOException, InterruptedException {
        JsonNode body = Messages.tree(request.body());
        completions.add(body);
        String requestId = request.headers().getOrDefault("x-request-id", "");
        if (requestId.isEmpty()) {
            violations.add("a completion without X-Request-Id: both steps need the same one");
        }
        CompletionBody wanted = CompletionBody.of(body, behaviour.model(), behaviour.maxModelLen());
        running.incrementAndGet();
        try {
            JsonNode kv = wanted.kv();
            String id = "cmpl-" + requestId + "-0";
            if (kv != null && kv.path("do_remote_decode").asBoolean(false)) {
                first(id, body, wanted, answer);
            } else {
                second(id, request, wanted, answer);
            }
        } finally {
            running.decrementAndGet();
        }
    }

    /** Computes a prompt and keeps its KV cache, by {@code request_finished} of the connector. */
    private void first(String id, JsonNode body, CompletionBody wanted, Http.Answer answer)
            throws IOException, InterruptedException {
        checkFirst(body, wanted);
        Thread.sleep(behaviour.prefillTime());
        Running p = alive();
        long[] rows = ToyModel.rows(wanted.prompt());
        ToyModel.Output output = ToyModel.generate(rows[rows.length - 1], wanted.rules());
        int cached = remember(rows);
        ObjectNode message =
                Messages.message(id, behaviour.model(), Messages.choice(wanted, output, 0, 1, output.text(), true));
        message.set("usage", Messages.usage(rows.length, 1, cached, behaviour.details()));
        if (output.reason().equals("length")) {
            List<Integer> blocks = p.memory.keep(id, rows, behaviour.lease().toNanos());
            if (blocks == null) {
                throw new Refusal(503, "no KV blocks are free");
            }
            // Written by hand, with the spaces of Python's json module: what comes back must be these very bytes.
            String params =
                    "{\"do_remote_prefill\": true, \"do_remote_decode\": false, \"remote_block_ids\": [" + blocks
                            + "], \"remote_engine_id\": \"" + p.engineId + "\", \"remote_request_id\": \"" + id
                            + "\", \"remote_host\": \"127.0.0.1\", \"remote_port\": 5600, \"tp_size\": 1, \"weight\": 1.50}";
            fabric.gave(id, params);
            afterPrefill.getAndSet(() -> {}).run();
            String head = message.toString();
            answer.whole(
                    200,
                    "application/json",
                    bytes(head.substring(0, head.length() - 1) + ",\"kv_transfer_params\":" + params + "}"));
        } else {
            message.putNull("kv_transfer_params");
            answer.whole(200, "application/json", bytes(message.toString()));
        }
    }

    private void checkFirst(JsonNode body, CompletionBody wanted) {
        if (!body.path("kv_transfer_params").toString().equals(FIRST_STEP)) {
            violations.add("a first step with " + body.path("kv_transfer_params"));
        }
        if (wanted.rules().maxTokens() != 1 || wanted.stream() || !body.has("max_tokens") || !body.has("stream")) {
            violations.add(
                    "a first step with max_tokens=" + wanted.rules().maxTokens() + " and stream=" + wanted.stream());
        }
        for (String name : List.of("min_tokens", "stream_options", "logprobs", "stop", "stop_token_ids")) {
            if (body.has(name)) {
                violations.add("a first step with " + name);
            }
        }
    }

    /** Leading tokens in whole blocks that were computed before; at most all but one. */
    private int remember(long[] rows) {
        synchronized (prefixes) {
            int cached = 0;
            for (int end = KvMemory.BLOCK; end < rows.length; end += KvMemory.BLOCK) {
                if (!prefixes.add(rows[end - 1]) && cached == end - KvMemory.BLOCK) {
                    cached = end;
                }
            }
            return cached;
        }
    }

    /** Generates, from another engine's KV cache if there are parameters of one. */
    private void second(String id, Http.Request request, CompletionBody wanted, Http.Answer answer)
            throws IOException, InterruptedException {
        if (wanted.stream()) {
            // The status is told before anything is computed: what fails later is an event.
            answer.begin("text/event-stream; charset=utf-8");
        }
        long lastRow;
        int cached;
        Thread.sleep(behaviour.prefillTime());
        try {
            JsonNode kv = wanted.kv();
            Long read = kv == null ? null : load(kv, request, wanted.prompt().length);
            if (read == null) {
                long[] rows = ToyModel.rows(wanted.prompt());
                lastRow = rows[rows.length - 1];
                cached = kv == null ? remember(rows) : 0;
            } else {
                lastRow = read;
                cached = wanted.prompt().length - 1;
            }
        } catch (Refusal e) {
            if (wanted.stream()) {
                answer.chunk("data: " + e.json() + "\n\n");
                answer.chunk("data: [DONE]\n\n");
                answer.end();
                return;
            }
            throw e;
        }
        ToyModel.Output output = ToyModel.generate(lastRow, wanted.rules());
        if (wanted.stream()) {
            Messages.stream(id, behaviour, wanted, output, cached, answer);
        } else {
            ObjectNode message = Messages.message(
                    id,
                    behaviour.model(),
                    Messages.choice(wanted, output, 0, output.tokens().size(), output.text(), true));
            message.set(
                    "usage",
                    Messages.usage(wanted.prompt().length, output.tokens().size(), cached, behaviour.details()));
            json(answer, message);
        }
    }

    /**
     * Reads a KV cache; null if the policy is to compute the prompt instead. A failure with the policy "fail" is an internal
     * error ({@code vllm-project/vllm} pull request 26813).
     */
    private @Nullable Long load(JsonNode kv, Http.Request request, int tokens) {
        String remote = kv.path("remote_request_id").asText();
        String given = fabric.given(remote);
        if (given == null
                || !new String(request.body(), StandardCharsets.UTF_8).contains("\"kv_transfer_params\":" + given)) {
            violations.add("a second step with parameters that nobody gave: " + kv);
        }
        KvMemory memory = fabric.engine(kv.path("remote_engine_id").asText());
        if (memory == null || (!memory.keeps(remote) && !behaviour.trustful())) {
            failedLoads.incrementAndGet();
            if (behaviour.recompute()) {
                recomputed.incrementAndGet();
                return null;
            }
            throw new Refusal(500, "Internal server error");
        }
        List<Integer> blocks = new ArrayList<>();
        kv.path("remote_block_ids").path(0).forEach(b -> blocks.add(b.asInt()));
        long row = memory.lastRow(blocks, tokens);
        memory.release(remote);
        loaded.incrementAndGet();
        return row;
    }

    private static void json(Http.Answer answer, ObjectNode body) throws IOException {
        answer.whole(200, "application/json", bytes(body.toString()));
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
