package io.baton.worker;

import io.baton.grpc.ConnectionLimit;
import io.baton.grpc.session.SessionService;
import io.baton.tls.MutualTls;
import io.baton.tls.ServiceTls;
import io.grpc.Server;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.health.v1.HealthCheckResponse.ServingStatus;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * A worker's gRPC server: its services, grpc.health.v1 and server reflection.
 *
 * <p>It is plain grpc-netty. Quarkus' own gRPC server takes the same services, but it passes every message on through a
 * Vert.x context, which cost 15 % of a KV pull (256 KiB frames, loopback, 2 cores: 1.25 against 1.45 GB/s); and a plain
 * server is started by a test as it is in production.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
public final class WorkerGrpcServer implements AutoCloseable {
    /** Name under which grpc.health.v1 tells whether a restart would help; unlike readiness it stays on through a drain. */
    public static final String LIVENESS = "liveness";

    private final Server server;
    private final ExecutorService executor;
    private final ExecutorService sender = Executors.newSingleThreadExecutor(
            Thread.ofPlatform().name("baton-session").daemon().factory());
    private final HealthStatusManager health = new HealthStatusManager();
    private final List<String> services;
    private final OpenCalls openCalls = new OpenCalls();

    /**
     * Binds and starts.
     *
     * @param host address to bind to
     * @param port port to bind to
     * @param tls how connections begin; with mutual TLS every call is refused whose caller's role may not make it
     * @param more adds services that are not counted as calls: those that watch, and those that configure the server
     * @throws SettingException if the port is taken or the host is not an address of this machine
     */
    public WorkerGrpcServer(
            String host,
            int port,
            GrpcSettings settings,
            ServiceTls tls,
            List<ServerServiceDefinition> services,
            Consumer<NettyServerBuilder> more) {
        this.executor = Executors.newFixedThreadPool(
                settings.threads(),
                Thread.ofPlatform().name("baton-grpc-", 0).daemon().factory());
        NettyServerBuilder builder = NettyServerBuilder.forAddress(new InetSocketAddress(host, port))
                .executor(executor)
                .callExecutor(SessionService.onEventLoop())
                .flowControlWindow(settings.flowControlWindow().intBytes())
                .maxInboundMessageSize(
                        Math.max(settings.maxInboundMessageSize().intBytes(), SessionService.TRANSPORT_BYTES))
                .maxInboundMetadataSize(settings.maxInboundMetadataSize().intBytes())
                .maxConcurrentCallsPerConnection(settings.maxCallsPerConnection())
                .addTransportFilter(new ConnectionLimit(settings.maxConnections()))
                .permitKeepAliveTime(settings.permitKeepAliveTime().toNanos(), TimeUnit.NANOSECONDS)
                .permitKeepAliveWithoutCalls(true);
        authenticate(builder, tls);
        List<ServerServiceDefinition> counted = services.stream()
                .map(s -> ServerInterceptors.intercept(s, openCalls))
                .toList();
        counted.forEach(builder::addService);
        int message = settings.maxInboundMessageSize().intBytes();
        builder.addService(new SessionService(
                        counted, executor, sender, new SessionService.Limits(settings.maxCallsPerConnection(), message))
                .definition());
        more.accept(builder);
        builder.addService(health.getHealthService());
        builder.addService(ProtoReflectionServiceV1.newInstance());
        try {
            server = builder.build().start();
        } catch (IOException e) {
            executor.shutdownNow();
            sender.shutdownNow();
            throw new SettingException(
                    "quarkus.grpc.server.port",
                    port,
                    "cannot listen on " + host + ":" + port + "; is the port taken?",
                    e);
        }
        this.services = server.getServices().stream()
                .map(s -> s.getServiceDescriptor().getName())
                .filter(name -> name.startsWith("baton."))
                .toList();
        serving(true);
        alive(true);
    }

    /** Has connections begin as {@code tls} says; with mutual TLS, refuses what a caller's role may not call. */
    public static void authenticate(NettyServerBuilder builder, ServiceTls tls) {
        builder.protocolNegotiator(tls.server());
        if (tls instanceof MutualTls mutual) {
            RoleCheck roles = new RoleCheck(mutual);
            builder.addTransportFilter(roles).intercept(roles);
        }
    }

    /** The port that the server listens on. */
    public int port() {
        return server.getPort();
    }

    /** Calls of the counted services that are open. */
    public int openCalls() {
        return openCalls.count();
    }

    /** What grpc.health.v1 tells of every service. */
    public void serving(boolean serving) {
        ServingStatus status = serving ? ServingStatus.SERVING : ServingStatus.NOT_SERVING;
        health.setStatus(HealthStatusManager.SERVICE_NAME_ALL_SERVICES, status);
        services.forEach(s -> health.setStatus(s, status));
    }

    /** What grpc.health.v1 tells under {@link #LIVENESS}. */
    public void alive(boolean alive) {
        health.setStatus(LIVENESS, alive ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
    }

    /** Takes no new calls, ends the open ones and frees the port. */
    @Override
    public void close() {
        health.enterTerminalState();
        server.shutdownNow();
        try {
            if (!server.awaitTermination(5, TimeUnit.SECONDS)) {
                org.jboss.logging.Logger.getLogger(WorkerGrpcServer.class)
                        .warn("the gRPC server did not end within 5 s");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        executor.shutdown();
        sender.shutdown();
    }
}
