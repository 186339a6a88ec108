package io.baton.router.config;

/** By what the router chooses the worker of a leg, among those that can take it. */
public enum SchedulingPolicy {
    /** In turn. */
    ROUND_ROBIN,
    /** The one with the least work. */
    LEAST_LOADED,
    /** The one that has most of the prompt in its prefix cache; the least loaded one of equals. */
    PREFIX,
    /** The one with which the request is expected to be over first, within its targets for TTFT and ITL. */
    AUTO
}
