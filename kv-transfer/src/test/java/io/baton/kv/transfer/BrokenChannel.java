package io.baton.kv.transfer;

import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ConnectivityState;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.Status;
import org.jspecify.annotations.Nullable;

/** A connection that breaks while a call is being made, and that goes on delivering what was on its way. */
final class BrokenChannel extends FakeChannel {
    /** The step of making a call at which it breaks. */
    enum At {
        NEW_CALL,
        START,
        CLOSED_WITHIN_START,
        REQUEST,
        SEND_MESSAGE,
        HALF_CLOSE
    }

    private final At at;
    private ClientCall.@Nullable Listener<?> listener;
    volatile boolean cancelled;
    volatile ConnectivityState state = ConnectivityState.READY;

    BrokenChannel(At at) {
        this.at = at;
    }

    /** Delivers a message to whoever began the call. */
    @SuppressWarnings("unchecked")
    <T> void deliver(T message) {
        if (listener != null) {
            ((ClientCall.Listener<T>) listener).onMessage(message);
        }
    }

    @Override
    public ConnectivityState getState(boolean requestConnection) {
        return state;
    }

    private void breakAt(At step) {
        if (at == step) {
            throw new IllegalStateException("broken at " + step);
        }
    }

    @Override
    public <Q, R> ClientCall<Q, R> newCall(MethodDescriptor<Q, R> method, CallOptions options) {
        breakAt(At.NEW_CALL);
        return new ClientCall<>() {
            @Override
            public void start(Listener<R> l, Metadata headers) {
                listener = l;
                breakAt(At.START);
                if (at == At.CLOSED_WITHIN_START) {
                    l.onClose(Status.UNAVAILABLE.withDescription("the channel is shut down"), new Metadata());
                }
            }

            @Override
            public void request(int messages) {
                breakAt(At.REQUEST);
            }

            @Override
            public void sendMessage(Q message) {
                breakAt(At.SEND_MESSAGE);
            }

            @Override
            public void halfClose() {
                breakAt(At.HALF_CLOSE);
            }

            @Override
            public void cancel(@Nullable String message, @Nullable Throwable cause) {
                cancelled = true;
                throw new IllegalStateException("the connection's thread has ended");
            }
        };
    }
}
