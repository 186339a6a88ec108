package io.baton.cli.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import org.junit.jupiter.api.Test;

class PortsTest {
    private static final String HOST = "127.0.0.1";

    @Test
    void shouldGiveTheRouterTwoPortsAndEachWorkerTwoFromTenOn() {
        assertThat(Ports.all(8080, 3)).containsExactly(8080, 8081, 8090, 8091, 8092, 8093, 8094, 8095);
    }

    @Test
    void shouldFindARangeThatIsFree() {
        int base = Ports.findBase(HOST, 4);
        assertThat(Ports.all(base, 4)).allMatch(port -> Ports.isFree(HOST, port));
    }

    @Test
    void shouldNameThePortThatIsTakenAndTheProcess() throws IOException {
        // Given
        int base = Ports.findBase(HOST, 2);
        try (ServerSocket taken = new ServerSocket(base + 11, 1, InetAddress.getLoopbackAddress())) {
            // When, then
            assertThatThrownBy(() -> Ports.check(HOST, base, 2))
                    .isInstanceOf(LaunchException.class)
                    .hasMessageContaining("port " + taken.getLocalPort() + " is taken")
                    .hasMessageContaining("process " + ProcessHandle.current().pid());
        }
    }

    @Test
    void shouldRefuseARangeThatEndsBeyondTheLastPort() {
        assertThatThrownBy(() -> Ports.check(HOST, 65_530, 2))
                .isInstanceOf(LaunchException.class)
                .hasMessageContaining("65535");
    }
}
