package io.baton.worker.vllm;

import io.baton.engine.vllm.VllmClient;
import io.baton.engine.vllm.VllmModel;
import io.baton.error.ErrorCode;
import io.baton.kv.key.DescriptorSigner;
import io.baton.worker.WorkerHost;
import io.baton.worker.WorkerKeys;
import io.baton.worker.v1.WorkerCapacity;
import io.baton.worker.v1.WorkerIdentity;
import io.baton.worker.v1.WorkerLoad;
import io.baton.worker.v1.WorkerRole;
import io.grpc.ServerServiceDefinition;
import io.micrometer.core.instrument.MeterRegistry;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.jboss.logging.Logger;

/**
 * A worker beside a vLLM server, whatever its role: what every worker has, and client, health, identity and metrics.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread; {@link #serve} once.
 */
public final class VllmRuntime extends WorkerHost {
    private static final Logger LOG = Logger.getLogger(VllmRuntime.class);

    private final VllmSetup setup;
    private final VllmClient client;
    private final VllmModel model;
    private final WorkerIdentity identity;
    private final VllmHealth health;
    private final DescriptorSigner signer;
    private final VllmMetrics metrics;
    // A thread per question; legs are bounded by baton.worker.max-legs, and each asks one at a time.
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

    /**
     * A worker that does not serve yet.
     *
     * @param client stays the caller's
     * @param model as the server told it
     */
    public VllmRuntime(WorkerRole role, VllmSetup setup, VllmClient client, VllmModel model, MeterRegistry registry) {
        VllmHealth h = new VllmHealth(client, model, setup.vllm());
        super(setup.worker(), setup.grpc(), setup.tls(), setup.host(), setup.port(), h::failure);
        this.setup = setup;
        this.client = client;
        this.model = model;
        this.health = h;
        this.signer = new DescriptorSigner(WorkerKeys.of(setup.kv()));
        this.identity = VllmIdentity.create(role, setup, model);
        this.metrics = new VllmMetrics(registry, model.id(), this);
    }

    /** Starts the gRPC server with the service of the legs. */
    public void serve(ServerServiceDefinition legs) {
        health.start();
        WorkerCapacity capacity = WorkerCapacity.newBuilder()
                .setMaxRequestTokens(model.maxModelLen())
                .setSequences(setup.worker().maxLegs())
                .build();
        serve(identity, capacity, List.of(legs), _ -> {});
        LOG.infof(
                "%s worker %s: vLLM at %s, model %s, at most %d tokens per request; gRPC on %s:%d, reached at %s",
                identity.getRole() == WorkerRole.WORKER_ROLE_PREFILL ? "prefill" : "decode",
                identity.getWorkerId(),
                setup.vllm().baseUrl(),
                model.id(),
                model.maxModelLen(),
                setup.host(),
                setup.port(),
                identity.getAddress());
    }

    @Override
    protected WorkerLoad load() {
        int waiting = lifecycle().waiting();
        return WorkerLoad.newBuilder()
                .setRunning(Math.max(0, lifecycle().open() - waiting))
                .setWaiting(waiting)
                .setQueuedTokens(queuedTokens().get())
                .build();
    }

    @Override
    protected void countFailure(ErrorCode code) {
        metrics.failed(code);
    }

    @Override
    public void close() {
        closeServer();
        health.close();
        threads.shutdownNow();
        closeTimer();
    }

    /** The settings. */
    public VllmSettings settings() {
        return setup.vllm();
    }

    /** How long a prefill leg waits for Go. */
    public Duration goTimeout() {
        return setup.worker().goTimeout();
    }

    /** The server. */
    public VllmClient client() {
        return client;
    }

    /** The model. */
    public VllmModel model() {
        return model;
    }

    /** Who the worker is. */
    public WorkerIdentity identity() {
        return identity;
    }

    /** Signs and checks descriptors with the cluster's keys. */
    public DescriptorSigner signer() {
        return signer;
    }

    /** The metrics. */
    public VllmMetrics metrics() {
        return metrics;
    }

    ExecutorService threads() {
        return threads;
    }

    boolean healthy() {
        return health.failure() == null;
    }

    double streams() {
        return openStreams();
    }
}
