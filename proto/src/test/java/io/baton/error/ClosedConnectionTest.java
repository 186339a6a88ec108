package io.baton.error;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.worker.v1.WatchRequest;
import io.baton.worker.v1.WatchResponse;
import io.baton.worker.v1.WorkerServiceGrpc;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.StreamObserver;
import io.netty.buffer.ByteBuf;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** What a call ends with when its peer's process dies, and something was just about to be written to it. */
class ClosedConnectionTest {
    /** An empty SETTINGS frame: with it a server is ready for calls. */
    private static final byte[] SETTINGS = {0, 0, 0, 4, 0, 0, 0, 0, 0};

    /** Calls back when it sees that its peer has closed, before anybody else knows. */
    private static final class Watched extends NioSocketChannel {
        private final Runnable onEnd;

        Watched(Runnable onEnd) {
            this.onEnd = onEnd;
        }

        @Override
        protected int doReadBytes(ByteBuf buffer) throws Exception {
            int read = super.doReadBytes(buffer);
            if (read < 0) {
                onEnd.run();
            }
            return read;
        }
    }

    private static CompletableFuture<ErrorCode> call(ManagedChannel channel) {
        CompletableFuture<ErrorCode> ended = new CompletableFuture<>();
        WorkerServiceGrpc.newStub(channel).watch(WatchRequest.getDefaultInstance(), new StreamObserver<>() {
            @Override
            public void onNext(WatchResponse value) {
                ended.completeExceptionally(new AssertionError("nobody answers here"));
            }

            @Override
            public void onError(Throwable t) {
                ended.complete(BatonException.from(t).code());
            }

            @Override
            public void onCompleted() {
                ended.completeExceptionally(new AssertionError("nobody answers here"));
            }
        });
        return ended;
    }

    @Test
    void shouldCallAPeerLostThatDiesUnderAWrite() throws Exception {
        var second = new CompletableFuture<CompletableFuture<ErrorCode>>();
        var held = new CompletableFuture<ManagedChannel>();
        try (ServerSocket listener = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                var group = new NioEventLoopGroup(1)) {
            ManagedChannel channel = NettyChannelBuilder.forAddress(
                            listener.getInetAddress().getHostAddress(), listener.getLocalPort())
                    .usePlaintext()
                    .eventLoopGroup(group)
                    .channelFactory(() -> new Watched(() -> second.complete(call(held.join()))))
                    .directExecutor()
                    .disableRetry()
                    .build();
            held.complete(channel);
            try {
                // Given a call that runs
                CompletableFuture<ErrorCode> first = call(channel);
                try (Socket peer = listener.accept()) {
                    peer.getOutputStream().write(SETTINGS);
                    assertThat(peer.getInputStream().read()).isNotNegative();

                    // When the peer goes while another one begins
                    peer.shutdownOutput();

                    // Then
                    assertThat(first.get(30, TimeUnit.SECONDS)).isEqualTo(ErrorCode.WORKER_LOST);
                    assertThat(second.get(30, TimeUnit.SECONDS).get(30, TimeUnit.SECONDS))
                            .isEqualTo(ErrorCode.WORKER_LOST);
                }
            } finally {
                channel.shutdownNow();
            }
        }
    }
}
