package io.baton.router.grpc;

import io.baton.inference.v1.GenerateResponse;
import io.baton.router.run.ClientEvent;
import io.baton.router.run.ClientSink;
import io.grpc.stub.ServerCallStreamObserver;
import org.jspecify.annotations.Nullable;

/**
 * A gRPC client. To ask gRPC whether it is ready takes a lock, and costs half as much as writing a token; so it is asked once
 * per {@link #UNASKED_BYTES}, and is to say no so many bytes earlier.
 *
 * <p><em>Thread-safety:</em> none; belongs to the request's serial executor.
 */
final class GrpcSink implements ClientSink {
    /** What gRPC holds at most for a client that takes nothing, but for one message: its own default. */
    static final int READY_BYTES = 32 << 10;
    /** What may be written after gRPC said that it is ready, until it is asked again. */
    static final int UNASKED_BYTES = 4 << 10;
    /** What gRPC puts before a message. */
    private static final int PREFIX_BYTES = 5;

    private final ServerCallStreamObserver<GenerateResponse> client;
    private final CallHeaders.@Nullable Slot headers;
    private int unasked;

    /**
     * The client of a call whose headers are in the slot; null if it has none. To be created before the call's method returns.
     */
    GrpcSink(ServerCallStreamObserver<GenerateResponse> client, CallHeaders.@Nullable Slot headers) {
        this.client = client;
        this.headers = headers;
        client.setOnReadyThreshold(READY_BYTES - UNASKED_BYTES);
    }

    @Override
    public void picked(String reasons) {
        if (headers != null) {
            headers.picked(reasons);
        }
    }

    @Override
    public boolean isReady() {
        if (unasked <= 0 && client.isReady()) {
            unasked = UNASKED_BYTES;
        }
        return unasked > 0;
    }

    @Override
    public void write(ClientEvent event) {
        if (client.isCancelled()) {
            return;
        }
        switch (event) {
            case ClientEvent.Started(var message) ->
                write(GenerateResponse.newBuilder().setStarted(message).build());
            case ClientEvent.Output(var message) ->
                write(GenerateResponse.newBuilder().setOutput(message).build());
            case ClientEvent.Finished(var message) -> {
                write(GenerateResponse.newBuilder().setFinished(message).build());
                client.onCompleted();
            }
            case ClientEvent.Failed(var error, var _) -> client.onError(error.toStatus());
        }
    }

    private void write(GenerateResponse message) {
        unasked -= PREFIX_BYTES + message.getSerializedSize();
        client.onNext(message);
    }
}
