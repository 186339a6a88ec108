package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The commands as a user runs them, each in a process of its own. */
@Tag("process")
class UpDownIT {
    private static final long COMMAND_SECONDS = 180;

    @TempDir
    private Path runs = Path.of("");

    private final int port = freeBase();
    private final List<Process> started = new ArrayList<>();

    @BeforeAll
    static void leaveTheMachineToTheCommands() {
        SharedFleet.close();
    }

    @AfterEach
    void leaveNothing() throws Exception {
        run("down");
        started.forEach(Process::destroyForcibly);
        assertThat(processesOfRun()).isEmpty();
    }

    @Test
    void shouldStartSayWhatRunsAndStopWhenDetached() throws Exception {
        // When
        Result up = run(up("--detach"));

        // Then
        assertThat(up.output()).contains("prefill-0", "decode-0", "router", "curl", "grpcurl", "./baton generate");
        assertThat(up.status()).as(up.errors()).isZero();
        assertThat(processesOfRun()).hasSize(3);

        // When
        Result status = run("status", "--json");

        // Then
        assertThat(status.status()).isZero();
        JsonNode answer = new ObjectMapper().readTree(status.output());
        assertThat(answer.get("ready").asBoolean()).isTrue();
        assertThat(answer.at("/runs/0/services")).hasSize(3);
        assertThat(answer.at("/runs/0/port").asInt()).isEqualTo(port);

        // When
        Result generate = run("generate", "Tell me a story", "--max-tokens", "4", "--temperature", "0", "--json");

        // Then
        assertThat(generate.status()).as(generate.errors()).isZero();
        JsonNode generated = new ObjectMapper().readTree(generate.output());
        assertThat(generated.get("token_ids")).hasSize(4);
        assertThat(generated.at("/timing/blocks_pulled").asInt()).isPositive();
        assertThat(generated.at("/timing/decode_computed_tokens").asInt(-1)).isZero();

        // When
        Result down = run("down");

        // Then
        assertThat(down.output()).contains("stopped the run at port " + port);
        assertThat(processesOfRun()).isEmpty();
        assertThat(run("status").output()).contains("nothing runs");
        assertThat(run("down").output()).contains("nothing runs");
    }

    @Test
    void shouldStartWithoutAPrefillWorker() throws Exception {
        // When
        Result up = run(up("--detach", "--prefill", "0"));
        Result generate = run("generate", "Tell me a story", "--max-tokens", "4", "--temperature", "0");
        Result status = run("status");

        // Then
        assertThat(up.status()).as(up.errors()).isZero();
        assertThat(processesOfRun()).hasSize(2);
        assertThat(generate.status()).as(generate.errors()).isZero();
        assertThat(generate.output() + generate.errors()).contains("(decode-0)").doesNotContain("blocks pulled");
        assertThat(status.status()).isZero();
        assertThat(status.output()).contains("decode-0").doesNotContain("prefill");
    }

    @Test
    void shouldPrintCommandsThatWorkWhenPasted() throws Exception {
        // Given
        Result up = run(up("--detach"));
        String curl = up.output()
                .lines()
                .filter(line -> line.trim().startsWith("curl "))
                .findFirst()
                .orElseThrow();

        // When
        Process shell =
                new ProcessBuilder("sh", "-c", curl).redirectErrorStream(true).start();
        String output = new String(shell.getInputStream().readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);

        // Then
        assertThat(shell.waitFor()).isZero();
        assertThat(output).contains("data: {").contains("data: [DONE]");
    }

    @Test
    void shouldStreamTextAndThenSayWhereTheTimeWent() throws Exception {
        // Given
        run(up("--detach"));

        // When
        Result generate = run("generate", "Tell me a story", "--max-tokens", "5", "--seed", "7");

        // Then
        assertThat(generate.status()).as(generate.errors()).isZero();
        assertThat(generate.output().lines().reduce((a, b) -> b).orElse(""))
                .contains(
                        "queue ", "prefill ", "first token at ", "KV ", "blocks pulled", "second token at ", "total ");
        assertThat(run("generate", "Tell me a story", "--max-tokens", "5", "--seed", "7")
                        .output()
                        .lines()
                        .findFirst())
                .isEqualTo(generate.output().lines().findFirst());
    }

    @Test
    void shouldStopEverythingOnInterrupt() throws Exception {
        // Given
        Process up = start(up());
        awaitReady();

        // When
        new ProcessBuilder("kill", "-INT", Long.toString(up.pid())).start().waitFor();

        // Then
        assertThat(up.waitFor(COMMAND_SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(processesOfRun()).isEmpty();
        assertThat(run("status").output()).contains("nothing runs");
    }

    @Test
    void shouldLeaveNothingBehindWhenItIsKilled() throws Exception {
        // Given
        Process up = start(up());
        awaitReady();
        assertThat(processesOfRun()).hasSize(3);

        // When
        up.destroyForcibly().waitFor();

        // Then
        Await.untilEmpty(() -> String.join(", ", processesOfRun()));
        assertThat(run("down").output()).contains("had ended already");
    }

    @Test
    void shouldStopTheOthersAndSayWhyWhenAWorkerDies() throws Exception {
        // Given
        Process up = start(up());
        awaitReady();
        JsonNode state = new ObjectMapper().readTree(run("status", "--json").output());
        long decode = state.at("/runs/0/services")
                .valueStream()
                .filter(s -> s.get("name").asText().equals("decode-0"))
                .findFirst()
                .orElseThrow()
                .get("pid")
                .asLong();

        // When
        new ProcessBuilder("kill", "-KILL", Long.toString(decode)).start().waitFor();

        // Then
        assertThat(up.waitFor(COMMAND_SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(up.exitValue()).isEqualTo(1);
        assertThat(Files.readString(errors(up))).contains("decode-0 ended with status");
        assertThat(processesOfRun()).isEmpty();
    }

    @Test
    void shouldFindProcessesThatNoStateFileKnows() throws Exception {
        // Given
        run(up("--detach"));
        Files.delete(runs.resolve(Integer.toString(port)).resolve("state.json"));

        // When
        Result down = run("down");

        // Then
        assertThat(down.output()).contains("stopped 3 processes that no state file knew");
        assertThat(processesOfRun()).isEmpty();
    }

    @Test
    void shouldNameThePortThatIsTakenAndByWhom() throws Exception {
        // Given
        try (ServerSocket taken = new ServerSocket(port + 10, 1, InetAddress.getLoopbackAddress())) {
            // When
            Result up = run(up());

            // Then
            assertThat(up.status()).isEqualTo(1);
            assertThat(up.errors())
                    .contains("port " + taken.getLocalPort() + " is taken")
                    .contains("process " + ProcessHandle.current().pid())
                    .contains("--port");
        }
    }

    @Test
    void shouldNameTheModelThatIsMissingOrNoGguf() throws Exception {
        // When
        Result missing = run("up", "--port", Integer.toString(port), "--model", "/no/such/model.gguf");
        Path text = Files.writeString(runs.resolve("notes.gguf"), "notes");
        Result other = run("up", "--port", Integer.toString(port), "--model", text.toString());

        // Then
        assertThat(missing.status()).isEqualTo(1);
        assertThat(missing.errors()).contains("there is no model file /no/such/model.gguf", "--model FILE");
        assertThat(other.status()).isEqualTo(1);
        assertThat(other.errors()).contains(text + " is not a GGUF");
    }

    @Test
    void shouldSayWhyAServiceDidNotStartAndStopTheOthers() throws Exception {
        // When
        Result up = run(up("-D", "baton.engine.ctx-size=3"));

        // Then
        assertThat(up.status()).isEqualTo(1);
        assertThat(up.errors()).contains("ended with status").contains("baton.engine.ctx-size");
        assertThat(processesOfRun()).isEmpty();
    }

    @Test
    void shouldAskForTheKeysOfItsFile() throws Exception {
        // Given
        String key = "sk-of-acme-0123456789";
        Path keys = Files.writeString(runs.resolve("api-keys"), "acme: " + key + "\n");
        Result up = run(up("--detach", "--api-keys", keys.toString()));
        assertThat(up.status()).as(up.errors()).isZero();
        assertThat(up.output()).contains("Authorization: Bearer $BATON_API_KEY").doesNotContain(key);

        // When
        Result without = run("generate", "Tell me a story", "--max-tokens", "4");
        Result with = run("generate", "Tell me a story", "--max-tokens", "4", "--json", "--api-key", key);

        // Then
        assertThat(without.status()).isNotZero();
        assertThat(without.errors()).contains("the request has no API key");
        assertThat(with.status()).as(with.errors()).isZero();
        assertThat(new ObjectMapper().readTree(with.output()).get("token_ids")).hasSize(4);
    }

    @Test
    void shouldNotStartWithAFileThatHoldsNoKeys() throws Exception {
        // When
        Path keys = Files.writeString(runs.resolve("api-keys"), "nonsense\n");
        Result wrong = run(up("--api-keys", keys.toString()));
        Result missing = run(up("--api-keys", "/no/such/file"));

        // Then
        assertThat(wrong.status()).isEqualTo(1);
        assertThat(wrong.errors())
                .contains("router")
                .contains("baton.router.api-keys")
                .contains("line 1 is not");
        assertThat(missing.status()).isEqualTo(1);
        assertThat(missing.errors()).contains("/no/such/file cannot be read", "--api-keys FILE");
        assertThat(processesOfRun()).isEmpty();
    }

    private String[] up(String... more) {
        List<String> arguments =
                new ArrayList<>(List.of("up", "--port", Integer.toString(port), "--engine", "simulated"));
        arguments.addAll(List.of("-D", "baton.engine.simulated.speed=100", "-D", "baton.kv.store-size=64M"));
        if (SharedFleet.executables()) {
            arguments.add("--native");
        }
        arguments.addAll(List.of(more));
        return arguments.toArray(String[]::new);
    }

    private record Result(int status, String output, String errors) {}

    private Result run(String... arguments) throws Exception {
        Process process = start(arguments);
        assertThat(process.waitFor(COMMAND_SECONDS, TimeUnit.SECONDS))
                .as(String.join(" ", arguments))
                .isTrue();
        return new Result(process.exitValue(), Files.readString(output(process)), Files.readString(errors(process)));
    }

    private final java.util.IdentityHashMap<Process, Path> outputs = new java.util.IdentityHashMap<>();

    private Path output(Process process) {
        return java.util.Objects.requireNonNull(outputs.get(process));
    }

    private Path errors(Process process) {
        return Path.of(output(process) + ".err");
    }

    private Process start(String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
                // A build in the background ignores SIGINT, and what it starts would inherit that.
                "env",
                "--default-signal=INT",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-XX:TieredStopAtLevel=1",
                "-Dbaton.root=" + TestModel.root(),
                "-Dbaton.runs=" + runs,
                "-cp",
                TestModel.root().resolve("cli/target/baton-cli.jar") + ":"
                        + TestModel.root().resolve("cli/target/lib/*"),
                "io.baton.cli.Main"));
        command.addAll(List.of(arguments));
        Path output = Files.createTempFile(runs, "output", ".txt");
        Process process = new ProcessBuilder(command)
                .redirectOutput(output.toFile())
                .redirectError(Path.of(output + ".err").toFile())
                .start();
        started.add(process);
        outputs.put(process, output);
        return process;
    }

    private void awaitReady() {
        try (HttpClient http = HttpClient.newHttpClient()) {
            HttpRequest request = HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + "/q/health/ready"))
                    .build();
            Await.untilEmpty(() -> {
                try {
                    HttpResponse<String> answer = http.send(request, HttpResponse.BodyHandlers.ofString());
                    return answer.statusCode() == 200 && processesOfRun().size() == 3 ? "" : answer.body();
                } catch (IOException e) {
                    return "no answer: " + e;
                } catch (InterruptedException e) {
                    throw new AssertionError(e);
                }
            });
        }
    }

    /** The command lines of the processes that carry the marker of this test's runs. */
    private List<String> processesOfRun() {
        return ProcessHandle.allProcesses()
                .map(handle -> Path.of("/proc", Long.toString(handle.pid()), "cmdline"))
                .map(UpDownIT::read)
                .filter(line -> line.contains("-Dbaton.run=" + runs))
                .toList();
    }

    private static String read(Path file) {
        try {
            return Files.readString(file, java.nio.charset.StandardCharsets.ISO_8859_1);
        } catch (IOException e) {
            // The process has ended.
            return "";
        }
    }

    private static int freeBase() {
        return 20_000 + (int) (ProcessHandle.current().pid() % 500) * 20;
    }
}
