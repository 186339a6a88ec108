package io.baton.router.config;

/** Whether prompts are computed by prefill workers. */
public enum Disaggregation {
    /** Always; without a prefill worker nothing is served. */
    ALWAYS,
    /** Never: decode workers compute the prompts that they continue. */
    NEVER,
    /** Where it is expected to be the better way; never where no prefill worker takes work. */
    AUTO
}
