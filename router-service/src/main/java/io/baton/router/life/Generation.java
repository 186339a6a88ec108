package io.baton.router.life;

import static java.util.Objects.requireNonNull;

import io.baton.inference.v1.GenerateRequest;

/**
 * One generation: a request that was checked, with its model and its seed filled in.
 *
 * @param name the request's name as the client sees it
 * @param legName the name on the legs; unique in the fleet, so that two requests of one name never meet at a worker
 * @param tenant the tenant; empty where there is only one
 * @param request what the client asked for; model and sampling.seed are set
 */
public record Generation(String name, String legName, String tenant, GenerateRequest request) {
    /** Refuses a request without model or seed: filling them in is the caller's part. */
    public Generation {
        requireNonNull(name);
        requireNonNull(legName);
        requireNonNull(tenant);
        if (request.getModel().isEmpty() || !request.getSampling().hasSeed()) {
            throw new IllegalArgumentException("model and seed must be filled in before a generation starts");
        }
    }

    /** The seed in use. */
    public long seed() {
        return request.getSampling().getSeed();
    }
}
