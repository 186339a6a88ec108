package io.baton.router.http;

import static io.baton.router.http.Http.COMPLETIONS;
import static io.baton.router.http.Http.events;
import static io.baton.router.http.Http.json;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.baton.router.fake.Await;
import io.baton.router.fake.FakeDecode;
import io.baton.router.fake.FakePrefill;
import io.baton.router.fake.Fakes;
import io.baton.router.fake.Samples;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@QuarkusTest
@QuarkusTestResource(Fakes.class)
class StreamsTest extends WithFakes {
    private Socket open(String body, int receiveBuffer) throws IOException {
        Socket socket = new Socket();
        socket.setSoTimeout(30_000);
        if (receiveBuffer > 0) {
            socket.setReceiveBufferSize(receiveBuffer);
        }
        socket.connect(new InetSocketAddress(base.getHost(), base.getPort()));
        socket.getOutputStream().write(Http.head("Content-Length: " + body.length()));
        socket.getOutputStream().write(body.getBytes(StandardCharsets.US_ASCII));
        return socket;
    }

    private static BufferedReader reader(Socket socket) throws IOException {
        return new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
    }

    private static String readUntil(BufferedReader reader, String wanted) throws IOException {
        for (String line = reader.readLine(); line != null; line = reader.readLine()) {
            if (line.contains(wanted)) {
                return line;
            }
        }
        throw new AssertionError("the stream ended before " + wanted);
    }

    @Test
    void shouldKeepASilentStreamAlive() throws IOException {
        // Given
        prefill.script(new FakePrefill.Script().neverAccepting());
        // When
        try (Socket socket = open("{\"prompt\":\"x\",\"stream\":true}", 0)) {
            BufferedReader reader = reader(socket);
            // Then
            assertThat(reader.readLine()).isEqualTo("HTTP/1.1 200 OK");
            readUntil(reader, ": keep-alive");
            readUntil(reader, ": keep-alive");
        }
    }

    @Test
    void shouldTellAnErrorInTheStreamOnceItHasBegun() {
        // Given
        decode.script(new FakeDecode.Script().breakingAfter(1));
        // When
        HttpResponse<String> response = http.post(COMPLETIONS, "{\"prompt\":\"x\",\"stream\":true,\"max_tokens\":9}");
        // Then
        assertThat(response.statusCode()).isEqualTo(200);
        List<String> events = events(response.body());
        assertThat(events).hasSize(3).doesNotContain("[DONE]");
        JsonNode error = json(events.getLast()).get("error");
        assertThat(error.get("code").asText()).isEqualTo("engine_failed");
        assertThat(error.get("message").asText()).isEqualTo("the fake engine failed");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldReachBothLegsWhenTheClientLeaves(boolean stream) throws IOException {
        // Given
        decode.script(new FakeDecode.Script().stoppingAfter(3));
        // When
        try (Socket socket = open("{\"prompt\":\"x\",\"max_tokens\":50,\"stream\":" + stream + "}", 0)) {
            if (stream) {
                readUntil(reader(socket), "t3 ");
            } else {
                Await.until(
                        () -> "decode has started",
                        () -> !decode.legs().isEmpty()
                                && decode.leg().received().size() == 3);
            }
        }
        // Then
        assertThat(decode.leg().end()).isEqualTo("cancel message");
        assertThat(prefill.leg().end()).isIn("half-close", "cancelled call");
    }

    @Test
    void shouldReachPrefillWhenTheClientLeavesWhileQueued() throws IOException {
        // Given
        prefill.script(new FakePrefill.Script().neverAccepting());
        // When
        try (Socket socket = open("{\"prompt\":\"x\",\"stream\":true}", 0)) {
            Await.until(() -> "prefill was asked", () -> !prefill.legs().isEmpty());
            assertThat(socket.isConnected()).isTrue();
        }
        // Then
        assertThat(prefill.leg().end()).isEqualTo("cancel message");
    }

    @Test
    void shouldCutAStreamThatIsNotRead() throws IOException {
        // Given: more than the sockets and the buffer of 200 outputs take
        decode.script(new FakeDecode.Script().padding(20_000));
        double before = cut();
        // When
        try (Socket socket = open("{\"prompt\":\"x\",\"stream\":true,\"max_tokens\":2000}", 8192)) {
            // Then
            Await.until(() -> "cut " + cut(), () -> cut() == before + 1);
            assertThat(decode.leg().end()).isIn("cancel message", "cancelled call", "generated");
            assertThat(socket.isClosed()).isFalse();
        }
    }

    private double cut() {
        return http.get("/q/metrics")
                .body()
                .lines()
                .filter(line -> line.startsWith("baton_router_requests_total{status=\"CLIENT_TOO_SLOW\"}"))
                .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
                .sum();
    }

    @Test
    void shouldDeliverEverythingToAClientThatReadsSlowly() throws IOException {
        // Given: more than the sockets take at once, within the buffer of 200 outputs
        decode.script(new FakeDecode.Script().padding(20_000));
        StringBuilder text = new StringBuilder();
        // When
        try (Socket socket = open("{\"prompt\":\"x\",\"stream\":true,\"max_tokens\":150}", 8192)) {
            BufferedReader reader = reader(socket);
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                if (line.startsWith("data: {")) {
                    text.append(json(line.substring(6))
                            .get("choices")
                            .get(0)
                            .get("text")
                            .asText());
                } else if (line.equals("data: [DONE]")) {
                    break;
                }
            }
        }
        // Then
        assertThat(text.toString().replace("x", "")).isEqualTo(Samples.text(150));
        assertThat(text).hasSize(Samples.text(150).length() + 149 * 20_000);
    }

    @Test
    void shouldLeaveNothingOpenAfterAThousandRequestsAtOnce() {
        // Given
        List<CompletableFuture<HttpResponse<String>>> responses = new ArrayList<>();
        // When
        for (int i = 0; i < 1000; i++) {
            String body = "{\"prompt\":\"request " + i + "\",\"max_tokens\":" + (1 + i % 5) + ",\"stream\":"
                    + (i % 2 == 0) + "}";
            responses.add(http.client.sendAsync(
                    http.to(COMPLETIONS).POST(BodyPublishers.ofString(body)).build(),
                    HttpResponse.BodyHandlers.ofString()));
        }
        // Then
        for (int i = 0; i < 1000; i++) {
            HttpResponse<String> response = responses.get(i).join();
            assertThat(response.statusCode()).as(response.body()).isEqualTo(200);
            String last = "t" + (i % 5) + " ";
            assertThat(response.body()).contains(last).doesNotContain("t" + (1 + i % 5) + " ");
        }
    }
}
