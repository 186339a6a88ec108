package io.baton.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.baton.cli.launch.Probe;
import io.baton.cli.launch.RunState;
import java.io.PrintWriter;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Says what runs. */
@Command(
        name = "status",
        mixinStandardHelpOptions = true,
        header = "Say what runs and whether it is ready.",
        description = "Ends with 0 if something runs and all of it is ready, else with 1.")
final class StatusCommand implements Callable<Integer> {
    private static final ObjectMapper JSON = new ObjectMapper();

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec spec;

    @Option(names = "--json", description = "Print one JSON object.")
    private boolean json;

    @Option(names = "--port", paramLabel = "P", description = "Only the fleet whose router has this HTTP port.")
    private @Nullable Integer port;

    /** What a process does now. */
    private enum Condition {
        ready,
        starting,
        ended
    }

    @Override
    public Integer call() {
        List<RunState> runs = RunState.loadAll(Project.runs()).stream()
                .filter(r -> port == null || port == r.port())
                .toList();
        ObjectNode answer = JSON.createObjectNode();
        ArrayNode all = answer.putArray("runs");
        boolean ready = !runs.isEmpty();
        try (Probe probe = new Probe()) {
            for (RunState run : runs) {
                ready &= describe(run, probe, all.addObject());
            }
        }
        answer.put("ready", ready);
        PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(answer.toPrettyString());
        } else {
            print(out, answer);
        }
        return ready ? 0 : 1;
    }

    private static boolean describe(RunState run, Probe probe, ObjectNode node) {
        node.put("port", run.port());
        node.put("model", run.model());
        node.put("engine", run.engine());
        node.put("started_at", run.startedAt());
        node.put("foreground", run.launcher().pid() != 0);
        ArrayNode services = node.putArray("services");
        boolean allReady = true;
        for (RunState.Service s : run.services()) {
            Condition condition = !s.alive() ? Condition.ended : probe.ready(s) ? Condition.ready : Condition.starting;
            allReady &= condition == Condition.ready;
            ObjectNode service = services.addObject();
            service.put("name", s.name());
            service.put("role", s.role().label());
            service.put("state", condition.name());
            service.put("pid", s.pid());
            service.put("http", s.host() + ":" + s.httpPort());
            service.put("grpc", s.host() + ":" + s.grpcPort());
            ArrayNode cores = service.putArray("cores");
            s.cores().forEach(cores::add);
            service.put("log", s.log());
        }
        node.put("ready", allReady);
        return allReady;
    }

    private static void print(PrintWriter out, ObjectNode answer) {
        if (answer.get("runs").isEmpty()) {
            out.println("nothing runs; ./baton up starts a fleet");
        }
        answer.get("runs").forEach(run -> {
            out.printf(
                    "port %d: model %s, engine %s, since %s%s%n",
                    run.get("port").asInt(),
                    run.get("model").asText(),
                    run.get("engine").asText(),
                    Instant.ofEpochSecond(run.get("started_at").asLong()),
                    run.get("foreground").asBoolean() ? ", in the foreground" : "");
            out.printf("  %-12s %-9s %8s  %-21s %-21s %s%n", "NAME", "STATE", "PID", "HTTP", "GRPC", "CORES");
            run.get("services")
                    .forEach(s -> out.printf(
                            "  %-12s %-9s %8d  %-21s %-21s %s%n",
                            s.get("name").asText(),
                            s.get("state").asText(),
                            s.get("pid").asLong(),
                            s.get("http").asText(),
                            s.get("grpc").asText(),
                            s.get("cores").isEmpty() ? "any" : s.get("cores").toString()));
        });
    }
}
