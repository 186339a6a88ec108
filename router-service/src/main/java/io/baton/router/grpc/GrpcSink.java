package io.baton.router.grpc;

import io.baton.inference.v1.GenerateResponse;
import io.baton.router.run.ClientEvent;
import io.baton.router.run.ClientSink;
import io.grpc.stub.ServerCallStreamObserver;
import org.jspecify.annotations.Nullable;

/**
 * A gRPC client.
 *
 * <p><em>Thread-safety:</em> none; belongs to the request's serial executor.
 */
final class GrpcSink implements ClientSink {
    private final ServerCallStreamObserver<GenerateResponse> client;
    private final CallHeaders.@Nullable Slot headers;

    /** The client of a call whose headers are in the slot; null if it has none. */
    GrpcSink(ServerCallStreamObserver<GenerateResponse> client, CallHeaders.@Nullable Slot headers) {
        this.client = client;
        this.headers = headers;
    }

    @Override
    public void picked(String reasons) {
        if (headers != null) {
            headers.picked(reasons);
        }
    }

    @Override
    public boolean isReady() {
        return client.isReady();
    }

    @Override
    public void write(ClientEvent event) {
        if (client.isCancelled()) {
            return;
        }
        switch (event) {
            case ClientEvent.Started(var message) ->
                client.onNext(GenerateResponse.newBuilder().setStarted(message).build());
            case ClientEvent.Output(var message) ->
                client.onNext(GenerateResponse.newBuilder().setOutput(message).build());
            case ClientEvent.Finished(var message) -> {
                client.onNext(GenerateResponse.newBuilder().setFinished(message).build());
                client.onCompleted();
            }
            case ClientEvent.Failed(var error, var _) -> client.onError(error.toStatus());
        }
    }
}
