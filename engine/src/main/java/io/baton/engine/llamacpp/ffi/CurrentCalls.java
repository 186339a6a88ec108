package io.baton.engine.llamacpp.ffi;

/**
 * Which implementation this runtime has. A native image puts its own in the place of this one while it is built (see
 * {@link CurrentCallsInImage}), so neither runtime carries the other's.
 */
final class CurrentCalls {
    private CurrentCalls() {}

    static NativeCalls get() {
        return ForeignCalls.INSTANCE;
    }
}
