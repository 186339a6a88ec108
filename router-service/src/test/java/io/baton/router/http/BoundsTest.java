package io.baton.router.http;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.router.fake.Await;
import io.baton.router.fake.Fakes;
import io.baton.router.fake.WithTightBounds;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.common.http.TestHTTPResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

@QuarkusTest
@TestProfile(WithTightBounds.class)
@QuarkusTestResource(Fakes.class)
@SuppressWarnings("NullAway.Init") // Filled in by the test framework.
class BoundsTest {
    @TestHTTPResource
    URI base;

    /** The status line of the answer on a connection; empty if the connection is not taken. */
    private static String ask(Socket socket, String more) throws IOException {
        try {
            socket.setSoTimeout(30_000);
            socket.getOutputStream()
                    .write(("GET /v1/models HTTP/1.1\r\nHost: x\r\n" + more + "\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            String line = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII))
                    .readLine();
            return line == null ? "" : line;
        } catch (SocketException e) {
            return "";
        }
    }

    private Socket connect() throws IOException {
        return new Socket(base.getHost(), base.getPort());
    }

    private int takenOf(int connections) {
        List<Socket> sockets = new ArrayList<>();
        int taken = 0;
        try {
            try {
                for (int i = 0; i < connections; i++) {
                    Socket socket = connect();
                    sockets.add(socket);
                    taken += ask(socket, "").isEmpty() ? 0 : 1;
                }
                return taken;
            } finally {
                for (Socket socket : sockets) {
                    socket.close();
                }
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void shouldTakeNoMoreConnectionsThanTheLimit() {
        // The connections of other tests may take a moment to end.
        Await.until(() -> "the limit", () -> {
            int taken = takenOf(WithTightBounds.HTTP_CONNECTIONS + 3);
            assertThat(taken).isLessThanOrEqualTo(WithTightBounds.HTTP_CONNECTIONS);
            return taken == WithTightBounds.HTTP_CONNECTIONS;
        });
        // Then
        Await.until(() -> "a new connection", () -> takenOf(1) == 1);
    }

    @Test
    void shouldRefuseHeadersAndARequestLineOverTheLimit() throws IOException {
        Await.until(() -> "a connection", () -> takenOf(1) == 1);
        try (Socket socket = connect()) {
            assertThat(ask(socket, "X-Long: " + "x".repeat(30_000) + "\r\n")).startsWith("HTTP/1.1 431 ");
        }
        try (Socket socket = connect()) {
            socket.setSoTimeout(30_000);
            socket.getOutputStream()
                    .write(("GET /v1/models?" + "x".repeat(10_000) + " HTTP/1.1\r\nHost: x\r\n\r\n")
                            .getBytes(StandardCharsets.US_ASCII));
            String answer = new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
            assertThat(answer).startsWith("HTTP/1.").contains(" 414 ");
        }
    }
}
