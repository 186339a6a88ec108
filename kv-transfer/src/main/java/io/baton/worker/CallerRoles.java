package io.baton.worker;

import static io.baton.tls.ServiceRole.DECODE;
import static io.baton.tls.ServiceRole.PREFILL;
import static io.baton.tls.ServiceRole.ROUTER;

import io.baton.decode.v1.DecodeServiceGrpc;
import io.baton.kv.v1.KvTransferServiceGrpc;
import io.baton.prefill.v1.PrefillServiceGrpc;
import io.baton.tls.ServiceRole;
import io.baton.worker.v1.LegServiceGrpc;
import io.baton.worker.v1.WorkerServiceGrpc;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import java.util.Map;
import java.util.Set;

/**
 * Which roles may make which calls to a worker. What is not named, nobody may call. A request's tenant is in messages of Prefill and
 * Decode alone, so it is believed from routers only.
 */
final class CallerRoles {
    private static final Set<ServiceRole> ANY = Set.of(ROUTER, PREFILL, DECODE);

    private static final Map<String, Set<ServiceRole>> ROLES = Map.ofEntries(
            Map.entry(PrefillServiceGrpc.getPrefillMethod().getFullMethodName(), Set.of(ROUTER)),
            Map.entry(DecodeServiceGrpc.getDecodeMethod().getFullMethodName(), Set.of(ROUTER)),
            // The methods of a session's legs are those two.
            Map.entry(LegServiceGrpc.getSessionMethod().getFullMethodName(), Set.of(ROUTER)),
            Map.entry(WorkerServiceGrpc.getWatchMethod().getFullMethodName(), Set.of(ROUTER)),
            // Decode pulls prompts' blocks from prefill, and the streams of a draining worker from another decode.
            Map.entry(KvTransferServiceGrpc.getPullMethod().getFullMethodName(), Set.of(DECODE)),
            Map.entry(KvTransferServiceGrpc.getRenewMethod().getFullMethodName(), Set.of(DECODE)),
            Map.entry(KvTransferServiceGrpc.getAcknowledgeMethod().getFullMethodName(), Set.of(DECODE)),
            // They tell nothing of a request.
            Map.entry(HealthGrpc.getCheckMethod().getFullMethodName(), ANY),
            Map.entry(HealthGrpc.getWatchMethod().getFullMethodName(), ANY),
            Map.entry(ServerReflectionGrpc.getServerReflectionInfoMethod().getFullMethodName(), ANY));

    private CallerRoles() {}

    /**
     * The roles that may call a method.
     *
     * @param method its full name, such as {@code baton.kv.v1.KvTransferService/Pull}
     */
    static Set<ServiceRole> of(String method) {
        return ROLES.getOrDefault(method, Set.of());
    }
}
