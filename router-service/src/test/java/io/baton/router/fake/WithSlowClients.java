package io.baton.router.fake;

import io.quarkus.test.junit.QuarkusTestProfile;
import java.util.Map;

/** A router that soon loses patience with a client that does not read. */
public final class WithSlowClients implements QuarkusTestProfile {
    /** More text per token than usual, so that few fill what the sockets take. */
    public static final int PADDING = 20_000;
    /** Tokens that are more than the sockets take, and fewer than may wait. */
    public static final int TOKENS = 190;

    @Override
    public Map<String, String> getConfigOverrides() {
        return Map.of(
                "baton.router.client-stall-timeout", "500ms",
                "baton.router.grpc.keep-alive-time", "500ms",
                "baton.router.grpc.keep-alive-timeout", "500ms");
    }
}
