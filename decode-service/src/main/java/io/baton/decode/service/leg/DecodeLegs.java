package io.baton.decode.service.leg;

import io.baton.decode.v1.DecodeRequest;
import io.baton.decode.v1.DecodeResponse;
import io.baton.decode.v1.DecodeServiceGrpc;
import io.baton.engine.Sequence;
import io.baton.kv.block.BlockName;
import io.baton.kv.block.Descriptors;
import io.baton.kv.lease.LeaseTable;
import io.baton.kv.transfer.KvPuller;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.KvLayout;
import io.baton.worker.WorkerRuntime;
import io.baton.worker.prompt.Preparation;
import io.grpc.ServerServiceDefinition;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executor;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;

/**
 * The gRPC service of a decode worker: makes a leg of every call. Owns what all legs share: the fetcher of blocks and the
 * threads that tokenise, and that name and checksum blocks; these have no more to do than {@code baton.worker.max-legs} legs
 * can ask for.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
public final class DecodeLegs implements DecodeServiceGrpc.AsyncService, AutoCloseable {
    private static final Logger LOG = Logger.getLogger(DecodeLegs.class);
    private static final long ACKNOWLEDGE_RETRY_MILLIS = 200;

    /**
     * Limits of legs.
     *
     * @param outboxTokens tokens of one request that may wait for a router that does not read
     * @param keepGenerated whether full blocks of generated tokens go to the store
     * @param maxHandOvers streams that are handed over at the same time
     */
    public record Limits(int outboxTokens, boolean keepGenerated, int maxHandOvers) {}

    private final WorkerRuntime worker;
    private final KvPuller puller;
    private final KvLayout layout;
    private final Limits limits;
    private final BlockFetcher fetcher;
    private final GeneratedBlocks generated;
    private final ExecutorService keeping;
    private final ExecutorService tokenizing;
    private final Preparation preparation;
    private final LeaseTable leases;
    private final StoppedBlocks stopped;
    private final Turns turns;
    private final Set<DecodeLeg> open = ConcurrentHashMap.newKeySet();
    private volatile boolean draining;

    /**
     * Legs on {@code worker} that pull with {@code puller}, which stays its owner's, and hand streams over under
     * {@code leases}.
     */
    public DecodeLegs(WorkerRuntime worker, KvPuller puller, LeaseTable leases, Limits limits) {
        this.worker = worker;
        this.puller = puller;
        this.layout = Descriptors.toProto(worker.engine().kvLayout());
        this.leases = leases;
        this.limits = limits;
        var kv = worker.setup().kv();
        this.fetcher = new BlockFetcher(worker.store(), puller, kv.maxConcurrentPulls(), kv.maxQueuedPulls());
        this.keeping = Executors.newSingleThreadExecutor(
                Thread.ofPlatform().name("baton-keep").daemon().factory());
        this.tokenizing = Executors.newFixedThreadPool(
                worker.setup().worker().tokenizeThreads(),
                Thread.ofPlatform().name("baton-tokenize-", 0).daemon().factory());
        this.preparation = new Preparation(worker, tokenizing);
        this.generated = new GeneratedBlocks(
                worker.store(), worker.engine().kvLayout(), worker.identity().blockSize(), worker::names, keeping);
        this.stopped = new StoppedBlocks(worker, keeping);
        this.turns = new Turns(limits.maxHandOvers(), keeping);
    }

    @Override
    public StreamObserver<DecodeRequest> decode(StreamObserver<DecodeResponse> responses) {
        ServerCallStreamObserver<DecodeResponse> out = (ServerCallStreamObserver<DecodeResponse>) responses;
        DecodeLeg leg = new DecodeLeg(this, out, limits.outboxTokens());
        open.add(leg);
        out.setOnCancelHandler(leg::cancelled);
        out.setOnReadyHandler(leg::ready);
        return leg;
    }

    /**
     * The service for a gRPC server. The class itself is no {@link io.grpc.BindableService}: for each of those Quarkus
     * starts a gRPC server of its own.
     */
    public ServerServiceDefinition definition() {
        return DecodeServiceGrpc.bindService(this);
    }

    /** Asks the routers to take the running streams elsewhere, and those that will run. Idempotent. */
    public void drain() {
        draining = true;
        open.forEach(DecodeLeg::drain);
    }

    boolean draining() {
        return draining;
    }

    void ended(DecodeLeg leg) {
        open.remove(leg);
    }

    LeaseTable leases() {
        return leases;
    }

    /** Holds the KV cache of a stream ready that was stopped. */
    StoppedBlocks stopped() {
        return stopped;
    }

    /** Whose turn it is to be handed over. */
    Turns turns() {
        return turns;
    }

    WorkerRuntime worker() {
        return worker;
    }

    /** Prepares prompts that are computed here. */
    Preparation preparation() {
        return preparation;
    }

    /** Runs what takes longer than the engine's thread should wait: names, checksums. */
    Executor keeping() {
        return keeping;
    }

    BlockFetcher fetcher() {
        return fetcher;
    }

    /** The layout of every reservation here, as a message. */
    KvLayout layout() {
        return layout;
    }

    /** Renews the lease on a block until {@link #letGo}. */
    void hold(KvDescriptor block) {
        puller.hold(block);
    }

    /** Ends the renewing of the lease on a block. */
    void letGo(KvDescriptor block) {
        puller.letGo(block);
    }

    /** Gives a block back to its holder. If that cannot be told, the end of the request's prefill leg releases it. */
    void acknowledge(KvDescriptor block) {
        var _ = puller.acknowledge(block).whenComplete((_, failure) -> {
            if (failure != null) {
                var _ = worker.timer()
                        .schedule(() -> acknowledgeAgain(block), ACKNOWLEDGE_RETRY_MILLIS, TimeUnit.MILLISECONDS);
            }
        });
    }

    private void acknowledgeAgain(KvDescriptor block) {
        var _ = puller.acknowledge(block).whenComplete((_, failure) -> {
            if (failure != null) {
                LOG.warnf(
                        "block %d of request %s could not be given back to %s: %s",
                        block.getBlockIndex(), block.getRequestId(), block.getHolderAddress(), failure.getMessage());
            }
        });
    }

    /** Keeps what {@code tokens} completed; completes when {@code sequence} is not needed for it any more. */
    CompletableFuture<Void> keep(Sequence sequence, String tenant, TokenLog tokens, int promptTokens) {
        if (!limits.keepGenerated()) {
            return CompletableFuture.completedFuture(null);
        }
        int[] all = tokens.computed();
        int inCache = Math.min(all.length, sequence.length());
        return generated.keep(sequence, tenant, Arrays.copyOf(all, inCache), promptTokens);
    }

    /** Makes known that the blocks of a prompt are in the store, as far as they are; behind those that are being published. */
    void tellHeld(ReserveRequest request, List<BlockName> names) {
        keeping.execute(() ->
                worker.cachedPieces().hold(request.pieces(), names, request.tokens().length, request.blockSize()));
    }

    /** Ends the threads; after the engine and the puller have ended. */
    @Override
    public void close() {
        fetcher.close();
        tokenizing.shutdown();
        keeping.shutdown();
    }
}
