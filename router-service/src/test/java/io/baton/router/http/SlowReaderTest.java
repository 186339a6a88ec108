package io.baton.router.http;

import static io.baton.router.http.Http.COMPLETIONS;
import static org.assertj.core.api.Assertions.assertThat;

import io.baton.router.fake.Await;
import io.baton.router.fake.FakeDecode;
import io.baton.router.fake.Fakes;
import io.baton.router.fake.WithSlowClients;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@QuarkusTest
@TestProfile(WithSlowClients.class)
@QuarkusTestResource(Fakes.class)
class SlowReaderTest extends WithFakes {
    private Socket open(String body) throws IOException {
        Socket socket = new Socket();
        socket.setSoTimeout(30_000);
        socket.setReceiveBufferSize(8192);
        socket.connect(new InetSocketAddress(base.getHost(), base.getPort()));
        socket.getOutputStream().write(Http.head("Content-Length: " + body.length()));
        socket.getOutputStream().write(body.getBytes(StandardCharsets.US_ASCII));
        return socket;
    }

    private static String readRest(Socket socket) throws IOException {
        StringBuilder rest = new StringBuilder();
        byte[] buffer = new byte[64 << 10];
        try {
            for (int n = socket.getInputStream().read(buffer);
                    n >= 0;
                    n = socket.getInputStream().read(buffer)) {
                rest.append(new String(buffer, 0, n, StandardCharsets.ISO_8859_1));
            }
        } catch (SocketException e) {
            // Cut in the middle.
            assertThat(e).hasMessageContaining("reset");
        }
        return rest.toString();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void shouldCutAClientThatTakesNothingWhileOthersGoOn(boolean stream) throws IOException {
        // Given: less than may wait, so that time alone decides
        decode.script(new FakeDecode.Script().padding(WithSlowClients.PADDING));
        double before = http.metric("baton_router_slow_clients_total");
        String body = "{\"prompt\":\"x\",\"stream\":" + stream + ",\"max_tokens\":" + WithSlowClients.TOKENS + "}";
        // When
        try (Socket socket = open(body)) {
            // Then
            Await.until(() -> "the request", () -> !decode.legs().isEmpty());
            assertThat(http.post(COMPLETIONS, "{\"prompt\":\"y\",\"stream\":true,\"max_tokens\":100}")
                            .body())
                    .endsWith("data: [DONE]\n\n");
            Await.until(
                    () -> "cut " + http.metric("baton_router_slow_clients_total"),
                    () -> http.metric("baton_router_slow_clients_total") == before + 1);
            String got = readRest(socket);
            assertThat(got).startsWith("HTTP/1.1 200 OK").doesNotContain("[DONE]");
            assertThat(got.length()).isLessThan(WithSlowClients.TOKENS * WithSlowClients.PADDING);
        }
    }

    @Test
    void shouldDeliverALargeAnswerInOnePieceToAClientThatReads() throws IOException {
        // Given
        decode.script(new FakeDecode.Script().padding(WithSlowClients.PADDING));
        // When
        String text = Http.json(
                        http.post(COMPLETIONS, "{\"prompt\":\"x\",\"max_tokens\":" + WithSlowClients.TOKENS + "}"))
                .at("/choices/0/text")
                .asText();
        // Then
        assertThat(text).endsWith("x").hasSizeGreaterThan((WithSlowClients.TOKENS - 1) * WithSlowClients.PADDING);
    }
}
