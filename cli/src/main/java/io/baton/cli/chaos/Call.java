package io.baton.cli.chaos;

import com.google.protobuf.ByteString;
import io.baton.error.BatonException;
import io.baton.inference.v1.Completion;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.GenerateResponse;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.grpc.ManagedChannel;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** One request over gRPC, as its client sees it. */
final class Call implements StreamObserver<GenerateResponse> {
    /**
     * What a client got.
     *
     * @param ids token ids
     * @param text text
     * @param completion how it ended
     */
    record Answer(ByteString ids, String text, Completion completion) {}

    /**
     * How a request ended.
     *
     * @param admitted whether it was accepted before it ended
     * @param answer what came; as far as it came where there is an error
     * @param error why it failed; INTERNAL for a stream that ended in the middle
     * @param nanos how long it took
     */
    record Ended(boolean admitted, Answer answer, Optional<BatonException> error, long nanos) {}

    private final CompletableFuture<Ended> ended = new CompletableFuture<>();
    private final StringBuilder text = new StringBuilder();
    private final long begun = System.nanoTime();
    private ByteString ids = ByteString.EMPTY;
    private Completion completion = Completion.getDefaultInstance();
    private boolean admitted;
    private boolean finished;

    private Call() {}

    /** Asks; the future never fails. */
    static CompletableFuture<Ended> start(ManagedChannel channel, GenerateRequest request, Duration deadline) {
        Call call = new Call();
        InferenceServiceGrpc.newStub(channel)
                // A router that has just come back may still refuse connections for a moment.
                .withWaitForReady()
                .withDeadlineAfter(deadline.toNanos(), TimeUnit.NANOSECONDS)
                .generate(request, call);
        return call.ended;
    }

    @Override
    public void onNext(GenerateResponse event) {
        admitted = true;
        if (event.hasOutput()) {
            ids = ids.concat(event.getOutput().getTokenIds());
            text.append(event.getOutput().getText());
        } else if (event.hasFinished()) {
            finished = true;
            completion = event.getFinished().getCompletion();
        }
    }

    @Override
    public void onError(Throwable t) {
        end(Optional.of(BatonException.from(t)));
    }

    @Override
    public void onCompleted() {
        end(
                finished
                        ? Optional.empty()
                        : Optional.of(BatonException.from(Status.INTERNAL
                                .withDescription("the stream ended in the middle")
                                .asRuntimeException())));
    }

    private void end(Optional<BatonException> error) {
        ended.complete(
                new Ended(admitted, new Answer(ids, text.toString(), completion), error, System.nanoTime() - begun));
    }
}
