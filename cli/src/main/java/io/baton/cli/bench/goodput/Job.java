package io.baton.cli.bench.goodput;

import io.baton.router.admission.Priority;

/**
 * A request of a run.
 *
 * @param arrival seconds since the run began
 * @param request its lengths and blocks
 * @param counted whether it belongs to the figures; the first find cold caches, the last an emptying fleet
 * @param tenant whose it is
 * @param priority its class
 */
record Job(double arrival, TraceRequest request, boolean counted, String tenant, Priority priority) {
    /** A request where there is only one tenant. */
    Job(double arrival, TraceRequest request, boolean counted) {
        this(arrival, request, counted, "", Priority.NORMAL);
    }
}
