package io.baton.router.http;

import io.baton.inference.v1.GenerateRequest;
import io.baton.router.admission.Terms;
import io.baton.router.admission.Ticket;
import io.baton.router.life.Generation;
import io.baton.router.request.Names;
import io.baton.router.run.CallInfo;
import io.baton.router.run.Generations;
import io.baton.router.run.RequestRun;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Executor;

/**
 * Starts the generations of one request on the connection's event loop.
 *
 * <p><em>Thread-safety:</em> none.
 *
 * @param tenant whose request it is
 * @param terms what the client asks of admission
 * @param arrivedNanos when the request arrived
 */
record Launch(Generations generations, CallInfo call, String tenant, Terms terms, long arrivedNanos) {
    private static final Duration NO_DEADLINE = Duration.ofDays(365);

    void start(ParsedRequest request, Reply reply, Vertx vertx) {
        Context context = vertx.getOrCreateContext();
        Executor serial = task -> context.runOnContext(_ -> task.run());
        List<GenerateRequest> wanted = request.generations();
        List<Ticket> tickets = generations.admit(tenant, terms, wanted, arrivedNanos);
        List<RequestRun> runs = new ArrayList<>(wanted.size());
        for (int i = 0; i < wanted.size(); i++) {
            Generation generation =
                    new Generation(call.requestId(), Names.unique(call.requestId()), tenant, wanted.get(i));
            RequestRun run = generations.create(
                    generation, tickets.get(i), call, arrivedNanos, NO_DEADLINE, reply.sink(i), serial);
            reply.add(run);
            runs.add(run);
        }
        runs.forEach(RequestRun::start);
    }
}
