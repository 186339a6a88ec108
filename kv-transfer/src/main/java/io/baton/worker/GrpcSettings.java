package io.baton.worker;

import static io.baton.worker.SettingException.check;

import io.smallrye.config.WithDefault;
import java.time.Duration;

/** Settings of a worker's gRPC server, beside {@code quarkus.grpc.server.host} and {@code quarkus.grpc.server.port}. Their prefix is {@code baton.grpc}. */
public interface GrpcSettings {
    /** HTTP/2 flow-control window, per stream and per connection. */
    @WithDefault("8M")
    MemorySize flowControlWindow();

    /** Largest message taken; a prompt must fit into one. */
    @WithDefault("16M")
    MemorySize maxInboundMessageSize();

    /** Largest header block taken. */
    @WithDefault("16K")
    MemorySize maxInboundMetadataSize();

    /** Calls that one connection may have open. */
    @WithDefault("1024")
    int maxCallsPerConnection();

    /** Connections that may be open at once; one too many is closed. */
    @WithDefault("1024")
    int maxConnections();

    /** Threads that handle messages. */
    @WithDefault("4")
    int threads();

    /** Most frequent keep-alive pings that a client may send. */
    @WithDefault("500ms")
    Duration permitKeepAliveTime();

    /** Fails with a {@link SettingException} on the first value out of range. */
    default void validate() {
        size("baton.grpc.flow-control-window", flowControlWindow(), 65_535, 1 << 30);
        size("baton.grpc.max-inbound-message-size", maxInboundMessageSize(), 1024, 1 << 30);
        size("baton.grpc.max-inbound-metadata-size", maxInboundMetadataSize(), 1024, 1 << 24);
        check(
                maxCallsPerConnection() >= 1,
                "baton.grpc.max-calls-per-connection",
                maxCallsPerConnection(),
                "must be at least 1");
        check(maxConnections() >= 1, "baton.grpc.max-connections", maxConnections(), "must be at least 1");
        check(threads() >= 1 && threads() <= 1024, "baton.grpc.threads", threads(), "must be in [1, 1024]");
        check(
                permitKeepAliveTime().isPositive(),
                "baton.grpc.permit-keep-alive-time",
                permitKeepAliveTime(),
                "must be longer than zero");
    }

    private static void size(String name, MemorySize value, long min, long max) {
        check(
                value.bytes() >= min && value.bytes() <= max,
                name,
                value,
                "must be in [" + new MemorySize(min) + ", " + new MemorySize(max) + "]");
    }
}
