package io.baton.cli.bench;

import io.baton.engine.KvLayout;
import io.baton.engine.llamacpp.ffi.SystemMemory;
import io.baton.kv.block.Checksums;
import io.baton.kv.lease.Lease;
import io.baton.kv.lease.LeaseLimits;
import io.baton.kv.lease.LeaseTable;
import io.baton.kv.store.BlockRef;
import io.baton.kv.store.BlockStore;
import io.baton.kv.transfer.KvTransferServer;
import io.baton.kv.transfer.SenderConfig;
import io.grpc.Server;
import io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.SplittableRandom;

/**
 * The holder's process of {@link KvBench}: a block store whose blocks are served by {@link KvTransferServer} on one port
 * and written to a bare socket on another. Says both ports and the descriptors on standard output and ends with its
 * standard input, so that it never outlives the benchmark.
 */
final class KvBenchHolder {
    static final String RECEIVER = "bench";
    static final int TOKENS = 256;

    private KvBenchHolder() {}

    /** A layout whose blocks of 256 tokens have {@code blockBytes} bytes, a multiple of 4096. */
    static KvLayout layout(long blockBytes) {
        int row = Math.toIntExact(blockBytes / TOKENS / 4);
        return new KvLayout("0b".repeat(32), 1, 1, new int[] {row, row}, new int[] {row, row}, false);
    }

    /** Arguments: bytes of a block, number of blocks, bytes of a frame. */
    public static void main(String[] args) throws IOException {
        long blockBytes = Long.parseLong(args[0]);
        int blocks = Integer.parseInt(args[1]);
        SenderConfig config = SenderConfig.defaults().withFrameBytes(Integer.parseInt(args[2]));
        BlockStore store = BlockStore.forBlocks(
                blockBytes * blocks,
                blockBytes,
                bytes -> SystemMemory.allocate(bytes, BlockStore.ALIGNMENT, Arena.global()));
        int[] port = new int[1];
        var leases = new LeaseTable(() -> "127.0.0.1:" + port[0], 1, LeaseLimits.defaults());
        try (var service = new KvTransferServer(leases, config);
                var bare = ServerSocketChannel.open()) {
            var builder = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            service.addTo(builder);
            Server server = builder.build().start();
            port[0] = server.getPort();
            bare.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            System.out.println(((InetSocketAddress) bare.getLocalAddress()).getPort());
            List<ByteBuffer> rows = offer(store, leases, blockBytes, blocks);
            System.out.flush();
            Thread.ofPlatform().daemon().start(() -> serve(bare, rows));
            while (System.in.read() >= 0) {}
            server.shutdownNow();
        }
    }

    private static List<ByteBuffer> offer(BlockStore store, LeaseTable leases, long blockBytes, int blocks) {
        Lease lease = leases.open("bench", 1, "", RECEIVER);
        List<ByteBuffer> views = new ArrayList<>();
        for (int i = 0; i < blocks; i++) {
            try (BlockRef ref = store.allocate(null, blockBytes)) {
                fill(ref.rows(), i);
                ref.publish(Checksums.crc32c(ref.rows()));
                var descriptor = lease.offer(i, i * TOKENS, (i + 1) * TOKENS, ref, layout(blockBytes));
                System.out.println(Base64.getEncoder().encodeToString(descriptor.toByteArray()));
                // The lease keeps the block pinned for as long as this process lives.
                views.add(ref.rows().asByteBuffer());
            }
        }
        return views;
    }

    private static void fill(MemorySegment rows, int seed) {
        var random = new SplittableRandom(seed);
        for (long at = 0; at < rows.byteSize(); at += Long.BYTES) {
            rows.set(ValueLayout.JAVA_LONG, at, random.nextLong());
        }
    }

    /** For each byte that comes, writes the block of that number. */
    private static void serve(ServerSocketChannel bare, List<ByteBuffer> rows) {
        try (SocketChannel peer = bare.accept()) {
            peer.setOption(StandardSocketOptions.TCP_NODELAY, true);
            ByteBuffer request = ByteBuffer.allocateDirect(1);
            while (peer.read(request.clear()) > 0) {
                ByteBuffer block = rows.get(request.get(0)).duplicate();
                while (block.hasRemaining()) {
                    peer.write(block);
                }
            }
        } catch (IOException e) {
            System.err.println("the bare socket of the benchmark broke: " + e);
        }
    }
}
