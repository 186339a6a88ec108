package io.baton.cli.chaos;

import static java.util.Objects.requireNonNull;

import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.LaunchException;
import io.baton.cli.launch.RunState;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The proxies of a fleet: workers reach a worker at one loopback address, the router at another, and the worker is at a third,
 * all with the same port.
 *
 * <p><em>Thread-safety:</em> safe. Owns the proxies.
 */
final class Links implements AutoCloseable {
    static final String WORKER_HOST = "127.0.0.1";
    static final String KV_HOST = "127.0.0.2";
    static final String ROUTER_HOST = "127.0.0.3";

    private final Map<Integer, FaultProxy> kv = new HashMap<>();
    private final Map<Integer, FaultProxy> router = new HashMap<>();

    private Links() {}

    /** Proxies in front of the workers of a fleet that is to be at {@code port}. */
    static Links open(int port, int workers) {
        Links links = new Links();
        try {
            for (int grpc : Fleet.workerPorts(port, workers)) {
                links.kv.put(grpc, new FaultProxy(KV_HOST, WORKER_HOST, grpc));
                links.router.put(grpc, new FaultProxy(ROUTER_HOST, WORKER_HOST, grpc));
            }
        } catch (IOException e) {
            links.close();
            throw new LaunchException("a proxy cannot listen: " + e.getMessage(), e);
        }
        return links;
    }

    FaultProxy kv(RunState.Service worker) {
        return requireNonNull(kv.get(worker.grpcPort()));
    }

    FaultProxy router(RunState.Service worker) {
        return requireNonNull(router.get(worker.grpcPort()));
    }

    /** Where the router reaches a worker. */
    String address(RunState.Service worker) {
        return ROUTER_HOST + ":" + worker.grpcPort();
    }

    /** Bits flipped so far. */
    int corrupted() {
        return kv.values().stream().mapToInt(FaultProxy::corrupted).sum();
    }

    @Override
    public void close() {
        List<FaultProxy> all = new ArrayList<>(kv.values());
        all.addAll(router.values());
        all.forEach(FaultProxy::close);
    }
}
