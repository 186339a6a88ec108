package io.baton.cli.bench.goodput;

/**
 * A request of a run.
 *
 * @param arrival seconds since the run began
 * @param request its lengths and blocks
 * @param counted whether it belongs to the figures; the first find cold caches, the last an emptying fleet
 */
record Job(double arrival, TraceRequest request, boolean counted) {}
