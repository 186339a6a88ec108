package io.baton.kv.transfer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.kv.lease.LeaseTable;
import io.grpc.ManagedChannel;
import io.grpc.Server;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.NettyServerBuilder;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.SocketChannel;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class KvTransferServerTest {
    @Test
    void shouldLetItsConnectionsHaveAsMuchWaitingAsConfigured() throws Exception {
        // Given
        BlockingQueue<SocketChannel> accepted = new LinkedBlockingQueue<>();
        var config = SenderConfig.defaults().withWriteBufferBytes(3 << 20);
        var threads = new NioEventLoopGroup(1);
        try (var service = new KvTransferServer(new LeaseTable("127.0.0.1:1", 1), config)) {
            var builder = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0))
                    .bossEventLoopGroup(threads)
                    .workerEventLoopGroup(threads)
                    .channelFactory(() -> new Acceptor(accepted::add));
            service.addTo(builder);
            Server server = builder.build().start();
            ManagedChannel channel = NettyChannelBuilder.forAddress("127.0.0.1", server.getPort())
                    .usePlaintext()
                    .build();
            try {
                // When
                channel.getState(true);
                SocketChannel connection = accepted.poll(30, TimeUnit.SECONDS);

                // Then
                assertThat(connection).isNotNull();
                Await.until("its options are set", () -> connection.config().getWriteBufferHighWaterMark() == 3 << 20);
                assertThat(connection.config().getWriteBufferLowWaterMark()).isEqualTo(3 << 19);
            } finally {
                channel.shutdownNow();
                server.shutdownNow();
            }
        } finally {
            var _ = threads.shutdownGracefully();
        }
    }

    @Test
    void shouldKeepTwoFramesReadyWhateverTheirSize() {
        SenderConfig defaults = SenderConfig.defaults();

        assertThat(defaults.withFrameBytes(4 << 20).readyBytes()).isEqualTo(8 << 20);
        assertThat(defaults.withFrameBytes(1 << 10).readyBytes()).isEqualTo(SenderConfig.DEFAULT_READY_BYTES);
    }

    @Test
    void shouldRefuseAWriteBufferOutOfRange() {
        for (int bytes : List.of(0, (64 << 10) - 1, (64 << 20) + 1)) {
            assertThatThrownBy(() -> SenderConfig.defaults().withWriteBufferBytes(bytes))
                    .hasMessageContaining("write-buffer-bytes");
        }
    }
}
