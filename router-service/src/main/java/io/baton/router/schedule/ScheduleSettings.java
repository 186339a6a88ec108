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
 */
public record ScheduleSettings(
        SchedulingPolicy policy, Disaggregation disaggregation, int expectedOutput, int reserveCap) {
    /** Refuses settings out of range. */
    public ScheduleSettings {
        requireNonNull(policy);
        requireNonNull(disaggregation);
        if (expectedOutput < 1 || reserveCap < 1) {
            throw new IllegalArgumentException(
                    "baton.router.schedule.expected-output and baton.router.reserve-cap must be " + "at least 1, not "
                            + expectedOutput + " and " + reserveCap);
        }
    }
}
