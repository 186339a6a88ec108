package io.baton.cli.bench.goodput;

import io.baton.router.config.Disaggregation;
import io.baton.router.config.SchedulingPolicy;
import java.util.Locale;

/**
 * A fleet and how its router chooses.
 *
 * @param policy by what workers are chosen
 * @param mode whether prompts are computed by prefill workers
 * @param prefills prefill workers, one GPU each; 0 if decode computes all prompts
 * @param decodes decode workers, one GPU each, at least 1
 */
record Variant(SchedulingPolicy policy, Disaggregation mode, int prefills, int decodes) {
    /** Refuses fleets that cannot serve. */
    Variant {
        if (prefills < 0 || decodes < 1 || (prefills == 0) != (mode == Disaggregation.NEVER)) {
            throw new IllegalArgumentException(
                    prefills + " prefill and " + decodes + " decode workers, disaggregation " + mode);
        }
    }

    String policyName() {
        return policy.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** As the field calls it. */
    String modeName() {
        return switch (mode) {
            case NEVER -> "aggregated";
            case ALWAYS -> "disaggregated";
            case AUTO -> "auto";
        };
    }

    /** Short, for tables and plots. */
    String label() {
        String gpus = prefills == 0 ? decodes + " GPUs" : prefills + "P:" + decodes + "D";
        return policyName() + ", " + modeName() + " " + gpus;
    }
}
