package io.baton.router.grpc;

import io.baton.grpc.ConnectionLimit;
import io.baton.router.config.RouterConfig;
import io.quarkus.grpc.api.ServerBuilderCustomizer;
import io.quarkus.grpc.runtime.config.GrpcServerConfiguration;
import io.vertx.grpc.VertxServerBuilder;
import jakarta.enterprise.context.ApplicationScoped;
import java.util.concurrent.TimeUnit;

/** Applies the router's own limits to the gRPC server. */
@ApplicationScoped
public class ServerTuning implements ServerBuilderCustomizer<VertxServerBuilder> {
    private final RouterConfig.Grpc settings;

    ServerTuning(RouterConfig config) {
        this.settings = config.grpc();
    }

    @Override
    public void customize(GrpcServerConfiguration config, VertxServerBuilder builder) {
        // gRPC itself refuses without a code of ours, so it refuses later than the endpoint does.
        long most = Math.min(Integer.MAX_VALUE, 2 * settings.maxMessage().asLongValue());
        builder.maxInboundMessageSize(Math.toIntExact(most));
        builder.maxInboundMetadataSize(Math.toIntExact(settings.maxMetadata().asLongValue()));
        builder.addTransportFilter(new ConnectionLimit(settings.maxConnections()));
        builder.nettyBuilder()
                .flowControlWindow(Math.toIntExact(settings.flowControlWindow().asLongValue()))
                .maxConcurrentCallsPerConnection(settings.maxCallsPerConnection())
                .keepAliveTime(settings.keepAliveTime().toNanos(), TimeUnit.NANOSECONDS)
                .keepAliveTimeout(settings.keepAliveTimeout().toNanos(), TimeUnit.NANOSECONDS);
    }
}
