package io.baton.kv.transfer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.kv.v1.KvDescriptor;
import io.grpc.netty.NettyServerBuilder;
import io.netty.channel.Channel;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.handler.codec.http2.Http2ConnectionHandler;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class LargeFramesTest {
    private final BlockingQueue<Channel> accepted = new LinkedBlockingQueue<>();
    private final NioEventLoopGroup threads = new NioEventLoopGroup(1);

    @Test
    void shouldLetTheHolderSendFramesAsLargeAsConfigured() throws Exception {
        PullerConfig config = withFrames(3 << 20);
        try (Holder holder = Holder.large(8, 1, SenderConfig.defaults(), this::watch);
                var puller = new KvPuller(config, Holder.RECEIVER, holder.layout)) {
            // When
            KvDescriptor d = holder.offer(0);
            MemorySegment target = Holder.target(d);
            Await.value(puller.pull(d, target));

            // Then
            assertThat(target.mismatch(Holder.rows(d))).isEqualTo(-1);
            Channel connection = accepted.poll(30, TimeUnit.SECONDS);
            assertThat(connection).isNotNull();
            Await.until("the holder has heard of it", () -> frameSize(connection) == 3 << 20);
        } finally {
            var _ = threads.shutdownGracefully();
        }
    }

    @Test
    void shouldLeaveOtherReceiversTheirFrames() throws Exception {
        try (Holder holder = Holder.large(8, 1, SenderConfig.defaults(), this::watch);
                var plain = new RawPull(holder.offer(0))) {
            plain.takeAll();
            assertThat(Await.value(plain.closed).isOk()).isTrue();

            Channel connection = accepted.poll(30, TimeUnit.SECONDS);
            assertThat(connection).isNotNull();
            assertThat(frameSize(connection)).isEqualTo(16 << 10);
            long rows = plain.frames.stream().mapToLong(f -> f.getRows().size()).sum();
            assertThat(rows).isEqualTo(8 << 20);
        } finally {
            var _ = threads.shutdownGracefully();
        }
    }

    @Test
    void shouldRefuseASizeThatHttp2DoesNotAllow() {
        for (int bytes : new int[] {0, (16 << 10) - 1, 16 << 20}) {
            assertThatThrownBy(() -> withFrames(bytes)).hasMessageContaining("max-http2-frame-bytes");
        }
    }

    private static int frameSize(Channel connection) {
        return connection
                .pipeline()
                .get(Http2ConnectionHandler.class)
                .encoder()
                .frameWriter()
                .configuration()
                .frameSizePolicy()
                .maxFrameSize();
    }

    private static PullerConfig withFrames(int bytes) {
        PullerConfig c = Holder.config();
        return new PullerConfig(
                c.maxConcurrentPulls(),
                c.maxQueuedPulls(),
                c.noProgressTimeout(),
                c.deadline(),
                c.flowControlWindow(),
                bytes,
                c.maxFrameBytes(),
                c.maxChannels(),
                c.idleTimeout(),
                c.leaseTime());
    }

    private void watch(NettyServerBuilder builder) {
        builder.bossEventLoopGroup(threads)
                .workerEventLoopGroup(threads)
                .channelFactory(() -> new Acceptor(accepted::add));
    }
}
