package io.baton.cli.bench;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintWriter;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** What a {@link RouterRun} says, for people and as JSON. */
final class RouterReport {
    /** Most CPU milliseconds of a gRPC request of {@link #BAR_PROMPT} tokens with {@link #BAR_WORKERS} workers. */
    static final double CPU_BAR = 1;

    static final int BAR_PROMPT = 100_000;
    static final int BAR_WORKERS = 100;
    /** Most milliseconds that the router adds in the median. */
    static final double ADDED_BAR = 0.5;
    /** Least tokens per second and core over gRPC. */
    static final double RELAY_BAR = 100_000;
    /** How much more a request may cost with the most workers than with the fewest. */
    static final double GROWTH_BAR = 2;

    private static final double MEGA = 1e6;

    private final RouterRun run;

    RouterReport(RouterRun run) {
        this.run = run;
    }

    void print(PrintWriter out) {
        RouterRun.Setup setup = run.setup();
        out.printf(
                "router: %s, %s; half of the workers prefill; blocks of %d tokens; a step every %d us%n%n",
                setup.executable() ? "native executable" : "JVM",
                setup.core() < 0 ? "unpinned" : "pinned to core " + setup.core(),
                setup.blockSize(),
                setup.step().toNanos() / 1000);
        setup.settings().forEach((name, value) -> out.println("set: " + name + "=" + value));
        out.println("workers  protocol         prompt tokens  requests  failed  CPU ms/request  TTFT p50 ms  p99 ms");
        for (RouterRun.OfFleet fleet : run.fleets()) {
            for (RouterRun.Cell cell : fleet.cells()) {
                Percentiles first = cell.firstToken();
                out.printf(
                        Locale.ROOT,
                        "%7d  %-15s  %13s  %8d  %6d  %14.3f  %11.2f  %6.2f%n",
                        fleet.workers(),
                        cell.protocol().label(),
                        cell.prompts(),
                        cell.requests(),
                        cell.failures(),
                        cell.cpuMillisPerRequest(),
                        first == null ? Double.NaN : first.p50(),
                        first == null ? Double.NaN : first.p99());
                if (cell.failure() != null) {
                    out.println("         first failure: " + cell.failure());
                }
            }
        }
        out.println();
        for (RouterRun.OfFleet fleet : run.fleets()) {
            out.printf(
                    Locale.ROOT,
                    "%d workers%s: idle %.2f %% of a core, %.0f MB; under load %.0f MB%n",
                    fleet.workers(),
                    fleet.mtls() ? ", mTLS" : "",
                    100 * fleet.idleCpu(),
                    fleet.idleBytes() / MEGA,
                    fleet.loadedBytes() / MEGA);
        }
        RouterRun.Added added = run.added();
        out.printf(
                Locale.ROOT,
                "time to first token: direct p50 %.3f, p99 %.3f ms; through the router p50 %.3f, p99 %.3f ms; added p50 %.3f, p99 %.3f ms (%d pairs)%n",
                added.direct().p50(),
                added.direct().p99(),
                added.routed().p50(),
                added.routed().p99(),
                added.p50(),
                added.p99(),
                added.direct().count());
        for (RouterRun.Relay relay : run.relays()) {
            out.printf(
                    Locale.ROOT,
                    "%d streams, %s: %.0f tokens/s, %.2f cores, %.0f tokens per CPU second, %d failed%n",
                    relay.streams(),
                    relay.protocol().label(),
                    relay.perSecond(),
                    relay.cpuSeconds() / relay.seconds(),
                    relay.perCpuSecond(),
                    relay.failures());
        }
        out.println();
        Double cpu = cpu(BAR_WORKERS, BAR_PROMPT);
        if (cpu != null) {
            bar(out, "CPU ms per gRPC request, 100k tokens, 100 workers", cpu, "under", CPU_BAR, cpu < CPU_BAR);
        }
        bar(out, "added p50, ms", added.p50(), "under", ADDED_BAR, added.p50() < ADDED_BAR);
        double relayed = run.relays().getFirst().perCpuSecond();
        bar(out, "gRPC tokens per second and core", relayed, "at least", RELAY_BAR, relayed >= RELAY_BAR);
        double growth = growth();
        if (!Double.isNaN(growth)) {
            bar(out, "cost of a gRPC request, most ÷ fewest workers", growth, "under", GROWTH_BAR, growth < GROWTH_BAR);
        }
        out.flush();
    }

    private static void bar(PrintWriter out, String what, double seen, String how, double bar, boolean reached) {
        out.printf(
                Locale.ROOT, "%s: %.3f (%s %.1f wanted: %s)%n", what, seen, how, bar, reached ? "reached" : "missed");
    }

    /** Requests and streams that failed. */
    int failures() {
        return run.fleets().stream()
                        .flatMap(f -> f.cells().stream())
                        .mapToInt(RouterRun.Cell::failures)
                        .sum()
                + run.relays().stream().mapToInt(RouterRun.Relay::failures).sum();
    }

    private @Nullable Double cpu(int workers, int prompt) {
        return run.fleets().stream()
                .filter(f -> f.workers() == workers)
                .flatMap(f -> f.cells().stream())
                .filter(c -> c.protocol() == RouterRun.Protocol.GRPC && c.prompt() == prompt)
                .map(RouterRun.Cell::cpuMillisPerRequest)
                .findFirst()
                .orElse(null);
    }

    /** The largest growth over the prompts; NaN with one number of workers. */
    private double growth() {
        int fewest = run.fleets().getFirst().workers();
        int most = run.fleets().getLast().workers();
        if (fewest == most) {
            return Double.NaN;
        }
        double largest = Double.NaN;
        for (RouterRun.Shape shape : run.setup().cells()) {
            Double few = cpu(fewest, shape.promptTokens());
            Double many = cpu(most, shape.promptTokens());
            if (few != null && many != null && !(many / few <= largest)) {
                largest = many / few;
            }
        }
        return largest;
    }

    ObjectNode json() {
        ObjectNode json = JsonNodeFactory.instance.objectNode();
        json.put("executable", run.setup().executable());
        json.put("block_size", run.setup().blockSize());
        json.put("step_us", run.setup().step().toNanos() / 1000);
        json.put("processors", Runtime.getRuntime().availableProcessors());
        json.put("java", Runtime.version().toString());
        ArrayNode fleets = json.putArray("fleets");
        for (RouterRun.OfFleet fleet : run.fleets()) {
            ObjectNode f = fleets.addObject();
            f.put("workers", fleet.workers());
            f.put("mtls", fleet.mtls());
            f.put("idle_cores", fleet.idleCpu());
            f.put("idle_bytes", fleet.idleBytes());
            f.put("loaded_bytes", fleet.loadedBytes());
            ArrayNode cells = f.putArray("cells");
            for (RouterRun.Cell cell : fleet.cells()) {
                ObjectNode c = cells.addObject();
                c.put("protocol", cell.protocol().name());
                c.put("prompt_tokens", cell.prompt());
                c.put("prompts", cell.prompts());
                c.put("requests", cell.requests());
                c.put("tokens", cell.tokens());
                c.put("failures", cell.failures());
                c.put("cpu_seconds", cell.cpuSeconds());
                c.put("cpu_ms_per_request", cell.cpuMillisPerRequest());
                if (cell.firstToken() != null) {
                    c.putPOJO("first_token_ms", cell.firstToken());
                }
            }
        }
        ObjectNode added = json.putObject("added_latency_ms");
        added.putPOJO("direct", run.added().direct());
        added.putPOJO("routed", run.added().routed());
        added.put("p50", run.added().p50());
        added.put("p99", run.added().p99());
        ArrayNode relays = json.putArray("relays");
        for (RouterRun.Relay relay : run.relays()) {
            ObjectNode r = relays.addObject();
            r.put("protocol", relay.protocol().name());
            r.put("streams", relay.streams());
            r.put("tokens", relay.tokens());
            r.put("tokens_per_second", relay.perSecond());
            r.put("tokens_per_cpu_second", relay.perCpuSecond());
            r.put("failures", relay.failures());
        }
        return json;
    }
}
