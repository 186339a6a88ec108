package io.baton.router.fake;

import io.quarkus.test.junit.QuarkusTestProfile;
import java.util.Map;

/** A router whose bounds a test can reach. */
public final class WithTightBounds implements QuarkusTestProfile {
    /** Connections of the HTTP server. */
    public static final int HTTP_CONNECTIONS = 4;
    /** Connections of the gRPC server. */
    public static final int GRPC_CONNECTIONS = 3;
    /** Calls of one gRPC connection. */
    public static final int CALLS = 2;

    @Override
    public Map<String, String> getConfigOverrides() {
        return Map.of(
                "quarkus.http.limits.max-connections", Integer.toString(HTTP_CONNECTIONS),
                "baton.router.grpc.max-connections", Integer.toString(GRPC_CONNECTIONS),
                "baton.router.grpc.max-calls-per-connection", Integer.toString(CALLS),
                "baton.router.grpc.max-metadata", "2K");
    }
}
