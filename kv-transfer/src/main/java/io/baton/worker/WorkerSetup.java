package io.baton.worker;

import io.baton.tls.ServiceTls;

/**
 * All settings of a worker, checked.
 *
 * @param engine its inference engine
 * @param kv its KV blocks
 * @param worker its place in the fleet
 * @param grpc its gRPC server
 * @param tls how its connections begin; stays the caller's
 * @param host address that the gRPC server is bound to
 * @param port port that the gRPC server is bound to
 */
public record WorkerSetup(
        EngineSettings engine,
        KvSettings kv,
        WorkerSettings worker,
        GrpcSettings grpc,
        ServiceTls tls,
        String host,
        int port) {
    /** Fails with a {@link SettingException} on the first value out of range. */
    public WorkerSetup {
        engine.validate();
        kv.validate();
        worker.validate();
        grpc.validate();
        SettingException.check(
                port >= 1 && port <= 65_535, "quarkus.grpc.server.port", port, "must be a port in [1, 65535]");
    }

    /** host:port as a peer on the same network would write it. */
    String boundAddress() {
        return boundAddress(host, port);
    }

    /** host:port as a peer on the same network would write it. */
    public static String boundAddress(String host, int port) {
        boolean any = host.equals("0.0.0.0") || host.equals("::");
        String name = any ? java.net.InetAddress.getLoopbackAddress().getHostAddress() : host;
        return (name.contains(":") ? "[" + name + "]" : name) + ":" + port;
    }
}
