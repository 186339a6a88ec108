package io.baton.testvllm;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * What NIXL is between servers: finds an engine by its id, and remembers the kv_transfer_params that were given out, so that
 * a server can tell whether it got them back unchanged.
 *
 * <p>An engine has a new id after every start, and the handshake refuses another one
 * ({@code vllm-project/vllm:vllm/distributed/kv_transfer/kv_connector/v1/nixl/worker.py}).
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
public final class Fabric {
    private final Map<String, KvMemory> engines = new ConcurrentHashMap<>();
    private final Map<String, String> given = new ConcurrentHashMap<>();

    /** A fabric without engines. */
    public Fabric() {}

    void join(String engineId, KvMemory memory) {
        engines.put(engineId, memory);
    }

    void leave(String engineId) {
        engines.remove(engineId);
    }

    @Nullable
    KvMemory engine(String engineId) {
        return engines.get(engineId);
    }

    void gave(String requestId, String params) {
        given.put(requestId, params);
    }

    @Nullable
    String given(String requestId) {
        return given.get(requestId);
    }
}
