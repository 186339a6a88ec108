package io.baton.prefill.service;

import io.baton.error.BatonException;
import io.baton.worker.vllm.VllmWorker;
import io.smallrye.common.annotation.RunOnVirtualThread;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;

/**
 * vLLM's own metrics at this service's port, for whoever reaches only that: {@code GET /vllm/metrics} passes /metrics of the
 * server on. Without vLLM it is 404, and 502 if vLLM does not answer.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
@Path("/vllm/metrics")
public class VllmMetricsResource {
    private final PrefillWorker worker;

    /** Asks the worker's vLLM. */
    public VllmMetricsResource(PrefillWorker worker) {
        this.worker = worker;
    }

    /** What vLLM's /metrics says now. */
    @GET
    @RunOnVirtualThread
    public Response metrics() throws InterruptedException {
        VllmWorker vllm = worker.vllm();
        if (vllm == null) {
            return text(404, "this worker has an engine of its own (baton.engine.kind); its metrics are at /q/metrics");
        }
        try {
            return Response.ok(vllm.metrics(), "text/plain; version=0.0.4; charset=utf-8")
                    .build();
        } catch (BatonException e) {
            return text(502, String.valueOf(e.getMessage()));
        }
    }

    private static Response text(int status, String sentence) {
        return Response.status(status)
                .entity(sentence)
                .type(MediaType.TEXT_PLAIN_TYPE)
                .build();
    }
}
