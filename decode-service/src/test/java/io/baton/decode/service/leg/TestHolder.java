package io.baton.decode.service.leg;

import io.baton.engine.DecodeListener;
import io.baton.engine.DecodeWork;
import io.baton.engine.Engine;
import io.baton.engine.PrefillListener;
import io.baton.engine.PrefillWork;
import io.baton.engine.SampledToken;
import io.baton.engine.Sampling;
import io.baton.engine.Sequence;
import io.baton.engine.simulated.SimulatedEngine;
import io.baton.engine.simulated.SimulatedEngineConfig;
import io.baton.kv.block.BlockName;
import io.baton.kv.block.BlockNames;
import io.baton.kv.block.Checksums;
import io.baton.kv.key.ClusterKeys;
import io.baton.kv.key.DescriptorSigner;
import io.baton.kv.lease.Lease;
import io.baton.kv.lease.LeaseTable;
import io.baton.kv.store.BlockRef;
import io.baton.kv.store.BlockStore;
import io.baton.kv.transfer.KvTransferServer;
import io.baton.kv.transfer.SenderConfig;
import io.baton.kv.v1.KvDescriptor;
import io.grpc.Server;
import io.grpc.netty.NettyServerBuilder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Computes prompts and holds their blocks, as a prefill worker does; also what one worker alone would have generated. */
final class TestHolder implements AutoCloseable {
    static final int BLOCK = TestWorker.BLOCK;

    final Engine engine = new SimulatedEngine(SimulatedEngineConfig.withoutDelays());
    final BlockStore store = new BlockStore(64L << 20);
    final Server server;
    final LeaseTable leases;
    private final KvTransferServer sender;

    /** A prompt's blocks, ready to be pulled under one lease. */
    record Prompt(int[] tokens, int firstToken, Lease lease, List<KvDescriptor> blocks) {}

    private final ClusterKeys keys;

    TestHolder() {
        this(ClusterKeys.none());
    }

    /** One that signs, and names blocks, with keys. */
    TestHolder(ClusterKeys keys) {
        this(8080L, keys);
    }

    private TestHolder(long epoch, ClusterKeys keys) {
        this.keys = keys;
        String[] address = {""};
        leases = new LeaseTable(
                () -> address[0],
                epoch,
                io.baton.kv.lease.LeaseLimits.defaults(),
                new DescriptorSigner(() -> keys),
                System::nanoTime);
        sender = new KvTransferServer(leases, SenderConfig.defaults());
        try {
            var builder = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            sender.addTo(builder);
            server = builder.build().start();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        address[0] = "127.0.0.1:" + server.getPort();
    }

    static int[] ids(int n, int seed) {
        int[] ids = new int[n];
        for (int i = 0; i < n; i++) {
            ids[i] = 10 + Math.floorMod(i * 31 + seed * 7, 200);
        }
        return ids;
    }

    Prompt compute(String requestId, int[] tokens) {
        return compute(requestId, tokens, _ -> {});
    }

    /** Computes a prompt; {@code spoil} may change the rows of a block after its checksum was taken. */
    Prompt compute(String requestId, int[] tokens, Consumer<MemorySegment> spoil) {
        List<BlockName> names = BlockNames.of(engine.kvLayout(), "", tokens, BLOCK, keys.names());
        Lease lease = leases.open(requestId, 1, "", TestWorker.ID);
        List<KvDescriptor> blocks = new ArrayList<>();
        CompletableFuture<Integer> first = new CompletableFuture<>();
        CompletableFuture<Void> finished = new CompletableFuture<>();
        try (Sequence sequence = engine.open(tokens.length).join()) {
            sequence.prefill(
                    new PrefillWork(tokens, tokens.length, BLOCK, Sampling.greedy(), null, -1), new PrefillListener() {
                        private @Nullable BlockRef target;

                        @Override
                        public MemorySegment rowsTarget(int begin, int end) {
                            int index = begin / BLOCK;
                            BlockRef room = store.allocate(
                                    index < names.size() ? names.get(index) : null,
                                    engine.kvLayout().bytes(end - begin));
                            target = room;
                            return room.rows();
                        }

                        @Override
                        public void onBlock(int begin, int end, MemorySegment rows) {
                            try (BlockRef ref = java.util.Objects.requireNonNull(target)) {
                                int crc = Checksums.crc32c(rows);
                                spoil.accept(rows);
                                ref.publish(crc);
                                blocks.add(lease.offer(begin / BLOCK, begin, end, ref, engine.kvLayout()));
                            }
                        }

                        @Override
                        public void onFirstToken(SampledToken token) {
                            first.complete(token.id());
                        }

                        @Override
                        public void onFinished(int computedTokens) {
                            finished.complete(null);
                        }

                        @Override
                        public void onFailed(Throwable cause) {
                            first.completeExceptionally(cause);
                            finished.completeExceptionally(cause);
                        }
                    });
            finished.join();
            return new Prompt(tokens, first.join(), lease, List.copyOf(blocks));
        }
    }

    /** The tokens that one engine generates by itself, the first included. */
    List<Integer> alone(int[] tokens, int count) {
        CompletableFuture<Integer> first = new CompletableFuture<>();
        List<Integer> generated = new ArrayList<>();
        try (Sequence sequence = engine.open(tokens.length + count).join()) {
            CompletableFuture<Void> prefilled = new CompletableFuture<>();
            sequence.prefill(
                    new PrefillWork(tokens, tokens.length, BLOCK, Sampling.greedy(), null, -1), new PrefillListener() {
                        @Override
                        public @Nullable MemorySegment rowsTarget(int begin, int end) {
                            return null;
                        }

                        @Override
                        public void onBlock(int begin, int end, MemorySegment rows) {}

                        @Override
                        public void onFirstToken(SampledToken token) {
                            first.complete(token.id());
                        }

                        @Override
                        public void onFinished(int computedTokens) {
                            prefilled.complete(null);
                        }

                        @Override
                        public void onFailed(Throwable cause) {
                            first.completeExceptionally(cause);
                            prefilled.completeExceptionally(cause);
                        }
                    });
            prefilled.join();
            generated.add(first.join());
            int[] history = java.util.Arrays.copyOf(tokens, tokens.length + 1);
            history[tokens.length] = first.join();
            CompletableFuture<Void> decoded = new CompletableFuture<>();
            sequence.decode(new DecodeWork(history, tokens.length, Sampling.greedy(), -1), new DecodeListener() {
                @Override
                public boolean onToken(SampledToken token) {
                    generated.add(token.id());
                    if (generated.size() == count) {
                        decoded.complete(null);
                        return false;
                    }
                    return true;
                }

                @Override
                public void onCellsUsedUp() {
                    decoded.complete(null);
                }

                @Override
                public void onFailed(Throwable cause) {
                    decoded.completeExceptionally(cause);
                }
            });
            decoded.join();
        }
        return generated;
    }

    @Override
    public void close() {
        server.shutdownNow();
        sender.close();
        engine.close();
    }
}
