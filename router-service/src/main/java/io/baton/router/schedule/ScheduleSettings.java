package io.baton.router.schedule;

import static java.util.Objects.requireNonNull;

import io.baton.router.config.Disaggregation;
import io.baton.router.config.SchedulingPolicy;

/**
 * The settings of scheduling.
 *
 * @param policy by what workers are chosen
 * @param disaggregation whether prompts are computed by prefill workers
 * @param expectedOutput tokens that a request is expected to generate if it may; at least 1
 * @param reserveCap most output tokens for which cells are reserved on decode
 * @param handOverSeconds what a hand-over costs beside the transfer: its messages, and its first pull; at least 0
 * @param localTokens most uncached tokens of a prompt that decode computes itself while prefill keeps the target for TTFT;
 *     at least 0
 */
public record ScheduleSettings(
        SchedulingPolicy policy,
        Disaggregation disaggregation,
        int expectedOutput,
        int reserveCap,
        double handOverSeconds,
        int localTokens) {
    /** Where a hand-over costs nothing but its transfer, and decode may compute prompts of any length. */
    public ScheduleSettings(
            SchedulingPolicy policy, Disaggregation disaggregation, int expectedOutput, int reserveCap) {
        this(policy, disaggregation, expectedOutput, reserveCap, 0, Integer.MAX_VALUE);
    }

    /** Refuses settings out of range. */
    public ScheduleSettings {
        requireNonNull(policy);
        requireNonNull(disaggregation);
        if (expectedOutput < 1 || reserveCap < 1) {
            throw new IllegalArgumentException(
                    "baton.router.schedule.expected-output and baton.router.reserve-cap must be " + "at least 1, not "
                            + expectedOutput + " and " + reserveCap);
        }
        if (!(handOverSeconds >= 0) || localTokens < 0) {
            throw new IllegalArgumentException(
                    "baton.router.schedule.hand-over-time and baton.router.schedule.local-tokens must be at least 0, not "
                            + handOverSeconds + " s and " + localTokens);
        }
    }
}
