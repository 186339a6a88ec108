package io.baton.router.grpc;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.inference.v1.InferenceServiceGrpc;
import io.baton.router.fake.Await;
import io.baton.router.fake.FakeDecode;
import io.baton.router.fake.FakePrefill;
import io.baton.router.fake.Fakes;
import io.baton.router.fake.Samples;
import io.baton.router.fake.WithSlowClients;
import io.baton.router.run.Generations;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import jakarta.inject.Inject;
import java.io.IOException;
import java.net.Socket;
import java.net.SocketException;
import java.util.concurrent.TimeUnit;
import org.eclipse.microprofile.config.ConfigProvider;
import org.junit.jupiter.api.Test;

@QuarkusTest
@TestProfile(WithSlowClients.class)
@QuarkusTestResource(Fakes.class)
@SuppressWarnings("NullAway.Init") // Filled in by the test framework.
class SlowReaderTest {
    FakePrefill prefill;
    FakeDecode decode;

    @Inject
    MeterRegistry registry;

    @Inject
    Generations generations;

    private double slowClients() {
        return registry.get("baton_router_slow_clients").counter().count();
    }

    @Test
    void shouldCutAClientThatTakesNothingAndItsConnectionWhileOthersGoOn() throws IOException {
        // Given
        int port = ConfigProvider.getConfig().getValue("quarkus.grpc.server.test-port", Integer.class);
        ManagedChannel channel =
                NettyChannelBuilder.forAddress("127.0.0.1", port).usePlaintext().build();
        prefill.reset();
        decode.reset();
        decode.script(new FakeDecode.Script().padding(WithSlowClients.PADDING));
        double before = slowClients();
        int[] outputs = new int[1];
        // When
        try (Socket socket = RawHttp2.generate(port, Samples.request("hello", WithSlowClients.TOKENS))) {
            // Then
            Await.until(() -> "the request", () -> !decode.legs().isEmpty());
            InferenceServiceGrpc.newBlockingStub(channel)
                    .withDeadlineAfter(60, TimeUnit.SECONDS)
                    .generate(Samples.request("other", 100))
                    .forEachRemaining(e -> outputs[0] += e.hasOutput() ? 1 : 0);
            assertThat(outputs[0]).isEqualTo(100);
            Await.until(() -> "cut " + slowClients(), () -> slowClients() == before + 1);
            Await.until(() -> "in flight " + generations.inFlight(), () -> generations.inFlight() == 0);
            assertThat(readRest(socket)).isLessThan((long) WithSlowClients.TOKENS * WithSlowClients.PADDING);
        } finally {
            channel.shutdownNow();
        }
    }

    /** Reads until the router has closed the connection, which it does because nobody answers its pings. */
    private static long readRest(Socket socket) throws IOException {
        long bytes = 0;
        byte[] buffer = new byte[64 << 10];
        try {
            for (int n = socket.getInputStream().read(buffer);
                    n >= 0;
                    n = socket.getInputStream().read(buffer)) {
                bytes += n;
            }
        } catch (SocketException e) {
            assertThat(e).hasMessageContaining("reset");
        }
        return bytes;
    }
}
