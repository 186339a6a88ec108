package io.baton.kv.transfer;

import io.grpc.ConnectivityState;
import io.grpc.ManagedChannel;
import java.util.concurrent.TimeUnit;

/** A channel without a connection, which is never shut down; what calls do is for those who extend it. */
abstract class FakeChannel extends ManagedChannel {
    @Override
    public ConnectivityState getState(boolean requestConnection) {
        return ConnectivityState.READY;
    }

    @Override
    public String authority() {
        return "fake";
    }

    @Override
    public ManagedChannel shutdown() {
        return this;
    }

    @Override
    public ManagedChannel shutdownNow() {
        return this;
    }

    @Override
    public boolean isShutdown() {
        return false;
    }

    @Override
    public boolean isTerminated() {
        return false;
    }

    @Override
    public boolean awaitTermination(long timeout, TimeUnit unit) {
        return true;
    }
}
