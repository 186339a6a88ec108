package io.baton.router.schedule;

import static java.util.Objects.requireNonNull;

import java.util.Set;

/**
 * What is known of a request.
 *
 * @param tenant empty where there is only one
 * @param model model that it is for
 * @param promptTokens tokens of the prompt, or an estimate before it was tokenised; at least 1
 * @param maxTokens most tokens that may be generated; at least 1
 * @param pieces hashes of the prompt's pieces; not changed by anybody
 * @param slo its targets
 * @param excluded addresses of workers that must not be asked
 * @param prefillSeconds expected time of the prefill that runs for it; 0 before there is one
 */
public record RequestFacts(
        String tenant,
        String model,
        int promptTokens,
        int maxTokens,
        long[] pieces,
        Slo slo,
        Set<String> excluded,
        double prefillSeconds) {
    /** Refuses absent parts. */
    public RequestFacts {
        requireNonNull(tenant);
        requireNonNull(model);
        requireNonNull(pieces);
        requireNonNull(slo);
        requireNonNull(excluded);
    }

    /** The same once the prompt's length is known and a prefill worker was picked. */
    public RequestFacts accepted(int tokens, int most, Set<String> notAgain, double prefill) {
        return new RequestFacts(tenant, model, tokens, most, pieces, slo, notAgain, prefill);
    }
}
