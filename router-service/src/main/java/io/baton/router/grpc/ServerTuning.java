package io.baton.router.grpc;

import io.baton.router.config.RouterConfig;
import io.quarkus.grpc.api.ServerBuilderCustomizer;
import io.quarkus.grpc.runtime.config.GrpcServerConfiguration;
import io.vertx.grpc.VertxServerBuilder;
import jakarta.enterprise.context.ApplicationScoped;

/** Applies the router's own limits to the gRPC server. */
@ApplicationScoped
public class ServerTuning implements ServerBuilderCustomizer<VertxServerBuilder> {
    private final RouterConfig.Grpc settings;

    ServerTuning(RouterConfig config) {
        this.settings = config.grpc();
    }

    @Override
    public void customize(GrpcServerConfiguration config, VertxServerBuilder builder) {
        builder.maxInboundMessageSize(Math.toIntExact(settings.maxMessage().asLongValue()));
        builder.nettyBuilder()
                .flowControlWindow(Math.toIntExact(settings.flowControlWindow().asLongValue()));
    }
}
