package io.baton.kv.transfer;

/**
 * A block that was pulled and verified.
 *
 * @param bytes bytes of its rows
 * @param nanos time from the call's start to the last byte, without the wait in the puller's queue
 */
public record PulledBlock(long bytes, long nanos) {}
