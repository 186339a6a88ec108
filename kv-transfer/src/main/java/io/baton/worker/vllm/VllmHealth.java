package io.baton.worker.vllm;

import io.baton.engine.vllm.VllmClient;
import io.baton.engine.vllm.VllmModel;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Whether the vLLM server works, asked again and again. Other than an engine in this process it may come back, as long as it
 * comes back with the same model.
 *
 * <p><em>Thread-safety:</em> a virtual thread of its own asks; every method may be called from any thread.
 */
final class VllmHealth implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger(VllmHealth.class);

    private final VllmClient client;
    private final VllmModel model;
    private final VllmSettings settings;
    private final Thread asking;
    private volatile @Nullable Throwable failure;

    /** Healthy until it has asked: the server has just told its models. */
    VllmHealth(VllmClient client, VllmModel model, VllmSettings settings) {
        this.client = client;
        this.model = model;
        this.settings = settings;
        this.asking = Thread.ofVirtual().name("baton-vllm-health").unstarted(this::ask);
    }

    void start() {
        asking.start();
    }

    /** Why the server cannot be used; null while it can. */
    @Nullable
    Throwable failure() {
        return failure;
    }

    private void ask() {
        int failures = 0;
        try {
            while (true) {
                Thread.sleep(settings.healthInterval());
                BatonException problem = problem();
                failures = problem == null ? 0 : failures + 1;
                if (problem == null && failure != null) {
                    LOG.infof("vLLM at %s works again", settings.baseUrl());
                    failure = null;
                } else if (problem != null && failure == null && failures >= settings.healthFailures()) {
                    LOG.warnf("vLLM at %s does not work: %s", settings.baseUrl(), problem.getMessage());
                    failure = problem;
                }
            }
        } catch (InterruptedException e) {
            LOG.debug("no more questions for vLLM's health: the worker stops", e);
        }
    }

    private @Nullable BatonException problem() throws InterruptedException {
        try {
            client.health();
            if (failure != null && !client.models().contains(model)) {
                return new BatonException(
                        ErrorCode.ENGINE_FAILED,
                        "it serves " + client.models() + " now and not " + model + "; restart the worker");
            }
            return null;
        } catch (BatonException e) {
            return e;
        }
    }

    @Override
    public void close() {
        asking.interrupt();
    }
}
