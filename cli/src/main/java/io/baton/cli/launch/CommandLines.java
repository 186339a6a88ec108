package io.baton.cli.launch;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The command line of each process of a fleet.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class CommandLines {
    /** Argument that marks every process of a run, so that it is found without the state file. */
    static final String MARKER = "-Dbaton.run=";

    /** The engine's memory lies outside the heap. A process that has no heap left must not go on half alive. */
    private static final List<String> HEAP = List.of("-Xmx512m", "-XX:+ExitOnOutOfMemoryError");

    /** The serial collector takes no core from the engine; an executable has no other. */
    private static final List<String> JVM = List.of(
            "-XX:+UseSerialGC",
            "-Xms64m",
            "--enable-native-access=ALL-UNNAMED",
            "--sun-misc-unsafe-memory-access=allow");

    /**
     * Where no core is left over, the second compiler would take the engine's: a step of 65 ms was seen to wait for another
     * 65 ms while a method was compiled. The engine's own code is native and does not get slower.
     */
    private static final List<String> FIRST_COMPILER = List.of("-XX:TieredStopAtLevel=1");

    private static final String ROUTER = "router";

    private CommandLines() {}

    /** A process to start: its place in the fleet and its arguments. */
    record Planned(String name, Role role, int httpPort, int grpcPort, List<Integer> cores, List<String> arguments) {}

    /** All processes, workers first. */
    static List<Planned> plan(FleetSpec spec, int base, CorePlan cores, String run) {
        List<Planned> planned = new ArrayList<>();
        for (int w = 0; w < spec.workers(); w++) {
            Role role = w < spec.prefill() ? Role.PREFILL : Role.DECODE;
            String name = role.label() + "-" + (w < spec.prefill() ? w : w - spec.prefill());
            int http = Ports.workerHttp(base, w);
            int grpc = Ports.workerGrpc(base, w);
            Map<String, String> properties = common(spec, base, name, http, grpc);
            properties.putAll(worker(spec, name, grpc, cores.threads()));
            properties.put(
                    "baton.kv.keys-file",
                    KvKeys.file(spec.runs(), base).toAbsolutePath().normalize().toString());
            planned.add(
                    planned(spec, name, role, http, grpc, cores.workers().get(w), compilers(cores), properties, run));
        }
        Map<String, String> properties = common(spec, base, ROUTER, base, base + 1);
        if (spec.prefill() > 0) {
            properties.put("baton.router.prefill-workers", addresses(spec.workerHost(), planned, Role.PREFILL));
        }
        properties.put("baton.router.decode-workers", addresses(spec.workerHost(), planned, Role.DECODE));
        planned.add(
                planned(spec, ROUTER, Role.ROUTER, base, base + 1, cores.router(), compilers(cores), properties, run));
        return planned;
    }

    private static List<String> compilers(CorePlan cores) {
        return cores.router().isEmpty() ? FIRST_COMPILER : List.of();
    }

    private static Map<String, String> common(FleetSpec spec, int base, String name, int httpPort, int grpcPort) {
        Map<String, String> properties = new LinkedHashMap<>();
        properties.put("quarkus.http.host", spec.host());
        properties.put("quarkus.http.port", Integer.toString(httpPort));
        properties.put("quarkus.grpc.server.host", spec.host());
        properties.put("quarkus.grpc.server.port", Integer.toString(grpcPort));
        properties.putAll(
                spec.mtls()
                        ? FleetCertificates.settings(FleetCertificates.directory(spec.runs(), base), name)
                        : Map.of("baton.tls.mode", "plaintext"));
        return properties;
    }

    private static Map<String, String> worker(FleetSpec spec, String name, int grpcPort, int threads) {
        EngineSpec engine = spec.engine();
        Map<String, String> properties = new LinkedHashMap<>();
        properties.put("baton.worker.id", name);
        properties.put("baton.worker.advertised-address", spec.advertisedHost() + ":" + grpcPort);
        properties.put("baton.kv.block-size", Integer.toString(spec.blockSize()));
        properties.put("baton.engine.kind", engine.kind());
        properties.put("baton.engine.model-name", engine.servedName());
        properties.put("baton.engine.ctx-size", Integer.toString(engine.contextCells()));
        properties.put("baton.engine.kv-type", engine.kvType());
        properties.put("baton.engine.flash-attention", Boolean.toString(engine.flashAttention()));
        properties.put("baton.engine.threads", Integer.toString(threads));
        if (engine.model() != null) {
            properties.put(
                    "baton.engine.model",
                    engine.model().toAbsolutePath().normalize().toString());
        }
        if (engine.maxRequestTokens() > 0) {
            properties.put("baton.engine.max-request-tokens", Integer.toString(engine.maxRequestTokens()));
        }
        return properties;
    }

    private static Planned planned(
            FleetSpec spec,
            String name,
            Role role,
            int httpPort,
            int grpcPort,
            List<Integer> cores,
            List<String> compilers,
            Map<String, String> properties,
            String run) {
        properties.putAll(spec.settings());
        properties.putAll(spec.roleSettings().getOrDefault(role, Map.of()));
        List<String> arguments = new ArrayList<>();
        // A session of its own: Ctrl-C at the terminal reaches the launcher only, which then stops the fleet in order.
        if (onPath("setsid")) {
            arguments.add("setsid");
        }
        if (!cores.isEmpty() && onPath("taskset")) {
            arguments.addAll(
                    List.of("taskset", "-c", cores.stream().map(String::valueOf).collect(Collectors.joining(","))));
        }
        String program = role.program(spec.root(), spec.executables()).toString();
        if (spec.executables()) {
            arguments.add(program);
        } else {
            arguments.add(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString());
            arguments.addAll(JVM);
            arguments.addAll(compilers);
        }
        arguments.addAll(HEAP);
        arguments.addAll(spec.javaOptions());
        arguments.add(MARKER + run);
        properties.forEach((key, value) -> arguments.add("-D" + key + "=" + value));
        if (!spec.executables()) {
            arguments.addAll(List.of("-jar", program));
        }
        return new Planned(name, role, httpPort, grpcPort, cores, List.copyOf(arguments));
    }

    private static String addresses(String host, List<Planned> planned, Role role) {
        return planned.stream()
                .filter(p -> p.role() == role)
                .map(p -> host + ":" + p.grpcPort())
                .collect(Collectors.joining(","));
    }

    static boolean onPath(String program) {
        String path = System.getenv().getOrDefault("PATH", "/usr/bin:/bin");
        for (String directory : path.split(":", -1)) {
            if (!directory.isEmpty() && Files.isExecutable(Path.of(directory, program))) {
                return true;
            }
        }
        return false;
    }
}
