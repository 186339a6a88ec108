package io.baton.worker;

import io.baton.engine.Engine;
import io.baton.error.ErrorCode;
import io.baton.kv.block.BlockName;
import io.baton.kv.block.BlockNames;
import io.baton.kv.key.ClusterKeys;
import io.baton.kv.key.DescriptorSigner;
import io.baton.kv.store.BlockStore;
import io.baton.worker.v1.WorkerCapacity;
import io.baton.worker.v1.WorkerLoad;
import io.baton.worker.v1.WorkerRole;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.NettyServerBuilder;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jboss.logging.Logger;

/**
 * A worker with an engine of its own, whatever its role: what every worker has, and engine, block store, identity and
 * metrics. Owns all of them and closes them in the order that lets none use another after its end.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread; {@link #serve} once.
 */
public final class WorkerRuntime extends WorkerHost {
    private static final Logger LOG = Logger.getLogger(WorkerRuntime.class);

    private final WorkerSetup setup;
    private final Engine engine;
    private final WorkerIdentity identity;
    private final BlockStore store;
    private final WorkerMetrics metrics;
    private final Supplier<ClusterKeys> keys;
    private final DescriptorSigner signer;
    private final Measurements measurements = new Measurements();
    private final CachedPieces pieces;

    /**
     * A worker that does not serve yet.
     *
     * @param engine loaded; owned by the worker from now on
     * @throws SettingException if the block store cannot hold two blocks of this model, or the keys cannot be read
     */
    public WorkerRuntime(WorkerRole role, WorkerSetup setup, Engine engine, MeterRegistry registry) {
        super(setup.worker(), setup.grpc(), setup.tls(), setup.host(), setup.port(), engine::failure);
        this.setup = setup;
        this.engine = engine;
        this.keys = WorkerKeys.of(setup.kv());
        this.signer = new DescriptorSigner(keys);
        long blockBytes = engine.kvLayout().bytes(setup.kv().blockSize());
        SettingException.check(
                setup.kv().storeSize().bytes() >= 2 * blockBytes,
                "baton.kv.store-size",
                setup.kv().storeSize(),
                "must hold at least two KV blocks of this model, which take " + 2 * blockBytes + " bytes");
        this.store = BlockStore.forBlocks(setup.kv().storeSize().bytes(), blockBytes, EngineFactory::blockMemory);
        this.pieces = new CachedPieces(
                store, setup.worker().maxPieces(), setup.worker().maxPieceChanges());
        this.identity = WorkerIdentity.create(
                role, setup.worker(), setup.boundAddress(), setup.kv().blockSize(), engine);
        this.metrics = new WorkerMetrics(
                registry,
                new WorkerMetrics.Sources(
                        role,
                        engine,
                        lifecycle(),
                        this::openStreams,
                        () -> store.stats().pinnedBytes(),
                        () -> store.stats().usedBytes(),
                        () -> store.stats().capacityBytes()));
    }

    /**
     * Starts the gRPC server.
     *
     * @param legs services whose calls are the worker's open streams
     * @param more adds further services
     */
    public void serve(List<ServerServiceDefinition> legs, Consumer<NettyServerBuilder> more) {
        serve(identity.toProto(), capacity(), legs, more);
        LOG.infof(
                "%s worker %s: engine %s, model %s, %d cells, at most %d tokens per request, blocks of %d tokens, %s"
                        + " block store, %s; gRPC on %s:%d, reached at %s",
                role(),
                identity.workerId(),
                identity.engine(),
                identity.model(),
                engine.limits().cells(),
                engine.limits().maxRequestTokens(),
                identity.blockSize(),
                setup.kv().storeSize(),
                identity.layout(),
                setup.host(),
                setup.port(),
                identity.address());
    }

    @Override
    protected boolean alive() {
        return engine.failure() == null;
    }

    private String role() {
        return identity.role() == WorkerRole.WORKER_ROLE_PREFILL ? "prefill" : "decode";
    }

    private WorkerCapacity capacity() {
        return WorkerCapacity.newBuilder()
                .setMaxRequestTokens(engine.limits().maxRequestTokens())
                .setCells(engine.limits().cells())
                .setSequences(engine.limits().sequences())
                .setStoreBytes(store.stats().capacityBytes())
                .build();
    }

    @Override
    protected WorkerLoad load() {
        var stats = engine.stats();
        measurements.looked(stats, System.nanoTime());
        return WorkerLoad.newBuilder()
                .setRunning(stats.running())
                .setWaiting(lifecycle().waiting())
                .setReservedCells(stats.reservedCells())
                .setPinnedBytes(store.stats().pinnedBytes())
                .setQueuedTokens(queuedTokens().get())
                .setStepSeconds((int) TimeUnit.NANOSECONDS.toSeconds(stats.turnNanos()))
                .setRates(measurements.toProto())
                .build();
    }

    @Override
    protected void countFailure(ErrorCode code) {
        metrics.failed(code);
    }

    /** Ends what is open, then everything else. Idempotent. */
    @Override
    public void close() {
        closeServer();
        engine.close();
        closeTimer();
    }

    /** The settings. */
    public WorkerSetup setup() {
        return setup;
    }

    /** The engine. */
    public Engine engine() {
        return engine;
    }

    /** Who the worker is. */
    public WorkerIdentity identity() {
        return identity;
    }

    /** The prefix cache, and the memory of blocks on their way. */
    public BlockStore store() {
        return store;
    }

    /** What it measures of itself. */
    public Measurements measurements() {
        return measurements;
    }

    @Override
    public CachedPieces cachedPieces() {
        return pieces;
    }

    /** The hashes of a prompt's pieces that are kept; a router may send more. */
    public long[] pieces(List<Long> sent) {
        int count = Math.min(sent.size(), setup.worker().maxRequestPieces());
        return sent.subList(0, count).stream().mapToLong(Long::longValue).toArray();
    }

    /** Signs and checks descriptors. */
    public DescriptorSigner signer() {
        return signer;
    }

    /**
     * Names of the full blocks of a tenant's tokens.
     *
     * @param tenant empty where there is only one
     */
    public List<BlockName> names(String tenant, int[] tokens) {
        return BlockNames.of(
                engine.kvLayout(),
                tenant,
                tokens,
                identity.blockSize(),
                keys.get().names());
    }

    /** The metrics. */
    public WorkerMetrics metrics() {
        return metrics;
    }
}
