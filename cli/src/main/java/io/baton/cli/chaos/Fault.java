package io.baton.cli.chaos;

/** What is done to a fleet. */
enum Fault {
    /** A prefill worker is killed (SIGKILL) and started again. */
    KILL_PREFILL,
    /** A decode worker is killed and started again. */
    KILL_DECODE,
    /** A prefill worker stands still for longer than it may (SIGSTOP), then wakes. */
    STOP_PREFILL,
    /** A decode worker stands still, then wakes. */
    STOP_DECODE,
    /** A prefill worker is told to end (SIGTERM), and started again. */
    DRAIN_PREFILL,
    /** A decode worker is told to end, and started again. */
    DRAIN_DECODE,
    /** The router is killed and started again; its clients ask again. */
    KILL_ROUTER,
    /** Connections between decode and prefill workers are closed, and new ones refused for a moment. */
    CUT_KV,
    /** Connections between decode and prefill workers are reset. */
    RESET_KV,
    /** Every piece between decode and prefill workers comes late. */
    DELAY_KV,
    /** Connections between decode and prefill workers stay open, and nothing passes. */
    BLACK_HOLE_KV,
    /** Bits of KV rows are flipped on their way. */
    CORRUPT_KV,
    /** The router's connections to a worker are reset. */
    RESET_WORKER,
    /** Every piece between the router and a worker comes late. */
    DELAY_WORKER
}
