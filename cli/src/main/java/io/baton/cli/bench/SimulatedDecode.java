package io.baton.cli.bench;

import io.baton.decode.v1.DecodeBlocksLanded;
import io.baton.decode.v1.DecodeFinished;
import io.baton.decode.v1.DecodeRequest;
import io.baton.decode.v1.DecodeReserve;
import io.baton.decode.v1.DecodeReserved;
import io.baton.decode.v1.DecodeResponse;
import io.baton.decode.v1.DecodeServiceGrpc;
import io.baton.decode.v1.DecodeStart;
import io.baton.decode.v1.DecodeToken;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.Completion;
import io.baton.inference.v1.FinishReason;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import org.jspecify.annotations.Nullable;

/**
 * The decode side of a simulated fleet: the blocks of an offer land together when they are offered, and a stream gets a token
 * at every step of its worker, one token per message.
 *
 * <p><em>Thread-safety:</em> thread-safe.
 */
final class SimulatedDecode extends DecodeServiceGrpc.DecodeServiceImplBase {
    private final SimulatedFleet fleet;

    SimulatedDecode(SimulatedFleet fleet) {
        this.fleet = fleet;
    }

    @Override
    public StreamObserver<DecodeRequest> decode(StreamObserver<DecodeResponse> responses) {
        return new Leg((ServerCallStreamObserver<DecodeResponse>) responses, SimulatedFleet.ADDRESS.get());
    }

    /** Guarded by itself: its messages come on the connection's thread, its steps on the clock's. */
    private final class Leg implements StreamObserver<DecodeRequest>, StepClock.Stream {
        private final ServerCallStreamObserver<DecodeResponse> out;
        private final String address;
        private @Nullable DecodeReserve reserve;
        private @Nullable DecodeStart start;
        private int landed;
        private int next;
        private boolean running;
        private boolean done;

        Leg(ServerCallStreamObserver<DecodeResponse> out, String address) {
            this.out = out;
            this.address = address;
            out.setOnCancelHandler(this::ended);
        }

        private synchronized void ended() {
            done = true;
        }

        @Override
        public synchronized void onNext(DecodeRequest message) {
            if (done) {
                return;
            }
            switch (message.getMessageCase()) {
                case RESERVE -> {
                    reserve = message.getReserve();
                    fleet.worker(address).hold(reserve.getPiecesList());
                    out.onNext(DecodeResponse.newBuilder()
                            .setReserved(DecodeReserved.newBuilder().setWorkerId(address))
                            .build());
                }
                case OFFER -> {
                    landed += message.getOffer().getBlocksCount();
                    out.onNext(DecodeResponse.newBuilder()
                            .setBlocksLanded(DecodeBlocksLanded.newBuilder().setLandedBlocks(landed))
                            .build());
                    generate();
                }
                case START -> {
                    start = message.getStart();
                    next = start.getGeneratedTokenIds().size() / Integer.BYTES;
                    generate();
                }
                case CANCEL -> {
                    done = true;
                    out.onCompleted();
                }
                case EXTEND, HAND_OVER, COMPUTE, MESSAGE_NOT_SET -> {
                    done = true;
                    out.onError(new BatonException(
                                    ErrorCode.PROTOCOL_VIOLATION,
                                    "a simulated worker does not know " + message.getMessageCase())
                            .toStatus());
                }
            }
        }

        private void generate() {
            DecodeReserve r = reserve;
            if (r != null
                    && start != null
                    && !running
                    && landed >= Math.ceilDiv(r.getTokenIds().size() / Integer.BYTES, fleet.blockSize())) {
                running = true;
                fleet.ticks(address).join(this);
            }
        }

        @Override
        public synchronized boolean step() {
            DecodeStart s = start;
            if (done || s == null) {
                return false;
            }
            int max = s.getStop().getMaxTokens();
            if (next < max) {
                if (!out.isReady()) {
                    // Who reads slowly gets fewer tokens, which is counted, and not a queue without end.
                    return true;
                }
                out.onNext(DecodeResponse.newBuilder()
                        .setToken(DecodeToken.newBuilder().setOutput(SimulatedFleet.token(next)))
                        .build());
                next++;
            }
            if (next < max) {
                return true;
            }
            done = true;
            out.onNext(DecodeResponse.newBuilder()
                    .setFinished(DecodeFinished.newBuilder()
                            .setCompletion(Completion.newBuilder()
                                    .setReason(FinishReason.FINISH_REASON_LENGTH)
                                    .setCompletionTokens(max))
                            .setBlocksPulled(landed))
                    .build());
            out.onCompleted();
            return false;
        }

        @Override
        public void onError(Throwable t) {
            ended();
        }

        @Override
        public void onCompleted() {
            // The router half-closes after a Cancel; nothing follows.
        }
    }
}
