package io.baton.worker.vllm;

import io.baton.engine.vllm.VllmClient;
import io.baton.engine.vllm.VllmModel;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.worker.RunningWorker;
import io.baton.worker.v1.WorkerRole;
import io.grpc.ServerServiceDefinition;
import io.micrometer.core.instrument.MeterRegistry;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * The process of a worker beside a vLLM server. It starts at once and serves as soon as the server has told its model, which
 * may take as long as loading one: until then it is alive and not ready.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
public final class VllmWorker implements RunningWorker {
    private static final Logger LOG = Logger.getLogger(VllmWorker.class);

    private final WorkerRole role;
    private final VllmSetup setup;
    private final MeterRegistry registry;
    private final Function<VllmRuntime, ServerServiceDefinition> legs;
    private final Consumer<Throwable> onStartFailure;
    private final VllmClient client;
    private final Thread starting;
    private volatile @Nullable VllmRuntime runtime;
    private volatile boolean closed;

    /**
     * Starts.
     *
     * @param legs makes the service of the legs
     * @param onStartFailure is told if the worker will never serve
     */
    public VllmWorker(
            WorkerRole role,
            VllmSetup setup,
            MeterRegistry registry,
            Function<VllmRuntime, ServerServiceDefinition> legs,
            Consumer<Throwable> onStartFailure) {
        this.role = role;
        this.setup = setup;
        this.registry = registry;
        this.legs = legs;
        this.onStartFailure = onStartFailure;
        this.client = new VllmClient(setup.endpoint());
        this.starting = Thread.ofVirtual().name("baton-vllm-start").start(this::start);
    }

    private void start() {
        try {
            VllmRuntime r = new VllmRuntime(role, setup, client, awaitModel(), registry);
            r.serve(legs.apply(r));
            runtime = r;
            if (closed) {
                r.close();
            }
        } catch (InterruptedException e) {
            LOG.debug("the worker stops before vLLM was there", e);
        } catch (RuntimeException e) {
            onStartFailure.accept(e);
        }
    }

    private VllmModel awaitModel() throws InterruptedException {
        VllmSettings s = setup.vllm();
        long end = System.nanoTime() + s.startTimeout().toNanos();
        String told = "";
        while (true) {
            String problem;
            try {
                List<VllmModel> models = client.models();
                VllmModel model = choose(models);
                if (model != null) {
                    return model;
                }
                problem = "it serves " + models.stream().map(VllmModel::id).toList()
                        + "; baton.vllm.model must name one" + " of them"
                        + s.model().map(m -> ", not '" + m + "'").orElse("");
            } catch (BatonException e) {
                problem = String.valueOf(e.getMessage());
            }
            if (System.nanoTime() - end > 0) {
                throw new BatonException(
                        ErrorCode.ENGINE_FAILED,
                        "no vLLM server at " + s.baseUrl() + " within " + s.startTimeout()
                                + " (baton.vllm.start-timeout): " + problem);
            }
            if (!problem.equals(told)) {
                told = problem;
                LOG.infof("waiting for vLLM at %s: %s", s.baseUrl(), problem);
            }
            Thread.sleep(s.healthInterval());
        }
    }

    private @Nullable VllmModel choose(List<VllmModel> models) {
        String wanted = setup.vllm().model().orElse(null);
        if (wanted == null) {
            return models.size() == 1 ? models.getFirst() : null;
        }
        return models.stream().filter(m -> m.id().equals(wanted)).findFirst().orElse(null);
    }

    /** vLLM's own metrics; throws a {@link BatonException} if it does not tell them. */
    public byte[] metrics() throws InterruptedException {
        return client.metrics();
    }

    @Override
    public boolean ready() {
        VllmRuntime r = runtime;
        return r != null && r.ready();
    }

    /** Always null: what fails is vLLM, and starting this process again would not mend it. */
    @Override
    public @Nullable Throwable failure() {
        return null;
    }

    @Override
    public void drain() throws InterruptedException {
        VllmRuntime r = runtime;
        if (r != null) {
            r.drain();
        }
    }

    @Override
    public void close() {
        closed = true;
        starting.interrupt();
        VllmRuntime r = runtime;
        if (r != null) {
            r.close();
        }
        client.close();
    }
}
