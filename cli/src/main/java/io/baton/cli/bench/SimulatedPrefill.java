package io.baton.cli.bench;

import com.google.protobuf.ByteString;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.Completion;
import io.baton.inference.v1.FinishReason;
import io.baton.kv.block.DescriptorMessages;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvDescriptor;
import io.baton.prefill.v1.PrefillAccepted;
import io.baton.prefill.v1.PrefillBlocksReady;
import io.baton.prefill.v1.PrefillFinished;
import io.baton.prefill.v1.PrefillFirstToken;
import io.baton.prefill.v1.PrefillRequest;
import io.baton.prefill.v1.PrefillResponse;
import io.baton.prefill.v1.PrefillServiceGrpc;
import io.baton.prefill.v1.PrefillStart;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * The prefill side of a simulated fleet: every block and the first token at once after Go, in as many messages as a worker
 * sends that computes {@value #CHUNK_TOKENS} tokens at a time. Descriptors have every field that a real one has on this leg,
 * with a signature that nobody checks.
 *
 * <p><em>Thread-safety:</em> thread-safe; the messages of a leg come one at a time.
 */
final class SimulatedPrefill extends PrefillServiceGrpc.PrefillServiceImplBase {
    /** Tokens whose blocks are described in one message. */
    static final int CHUNK_TOKENS = 2048;

    private static final ByteString HASH = ByteString.copyFrom(new byte[32]);

    private final SimulatedFleet fleet;
    private final AtomicLong leases = new AtomicLong();

    SimulatedPrefill(SimulatedFleet fleet) {
        this.fleet = fleet;
    }

    @Override
    public StreamObserver<PrefillRequest> prefill(StreamObserver<PrefillResponse> responses) {
        ServerCallStreamObserver<PrefillResponse> out = (ServerCallStreamObserver<PrefillResponse>) responses;
        // Without a handler a cancelled call throws at the next message.
        out.setOnCancelHandler(() -> {});
        return new Leg(out, SimulatedFleet.ADDRESS.get());
    }

    private final class Leg implements StreamObserver<PrefillRequest> {
        private final ServerCallStreamObserver<PrefillResponse> out;
        private final String address;
        private @Nullable PrefillStart start;
        private int tokens;
        private boolean done;

        Leg(ServerCallStreamObserver<PrefillResponse> out, String address) {
            this.out = out;
            this.address = address;
        }

        @Override
        public void onNext(PrefillRequest message) {
            if (done) {
                return;
            }
            switch (message.getMessageCase()) {
                case START -> accept(message.getStart());
                case GO -> compute(message.getGo().getReceiver());
                case CANCEL -> end();
                case MESSAGE_NOT_SET -> fail("an empty message");
            }
        }

        private void accept(PrefillStart s) {
            ByteString ids = fleet.tokenise(s.getPrompt());
            start = s;
            fleet.worker(address).hold(s.getPiecesList());
            tokens = ids.size() / Integer.BYTES;
            int room = SimulatedFleet.CONTEXT - tokens;
            out.onNext(PrefillResponse.newBuilder()
                    .setAccepted(PrefillAccepted.newBuilder()
                            .setTokenIds(ids)
                            .setPromptTokens(tokens)
                            .setBlockSize(fleet.blockSize())
                            .setMaxTokens(
                                    s.getStop().hasMaxTokens()
                                            ? Math.min(room, s.getStop().getMaxTokens())
                                            : room)
                            .setLayout(SimulatedFleet.LAYOUT))
                    .build());
        }

        private void compute(String receiver) {
            PrefillStart s = start;
            if (s == null) {
                fail("Go before Start");
                return;
            }
            if (!receiver.isEmpty()) {
                long lease = leases.incrementAndGet();
                int blocks = Math.ceilDiv(tokens, fleet.blockSize());
                int atOnce = Math.clamp(CHUNK_TOKENS / fleet.blockSize(), 1, DescriptorMessages.MAX_BLOCKS);
                for (int from = 0; from < blocks; from += atOnce) {
                    PrefillBlocksReady.Builder chunk = PrefillBlocksReady.newBuilder();
                    for (int block = from; block < Math.min(blocks, from + atOnce); block++) {
                        chunk.addBlocks(block(s, block, lease, receiver));
                    }
                    out.onNext(
                            PrefillResponse.newBuilder().setBlocksReady(chunk).build());
                }
            }
            PrefillFirstToken.Builder first = PrefillFirstToken.newBuilder().setOutput(SimulatedFleet.token(0));
            if (s.getStop().getMaxTokens() == 1) {
                first.setCompletion(Completion.newBuilder()
                        .setReason(FinishReason.FINISH_REASON_LENGTH)
                        .setCompletionTokens(1));
            }
            out.onNext(PrefillResponse.newBuilder().setFirstToken(first).build());
            out.onNext(PrefillResponse.newBuilder()
                    .setFinished(PrefillFinished.newBuilder().setComputedTokens(tokens))
                    .build());
        }

        private KvDescriptor block(PrefillStart s, int index, long lease, String receiver) {
            int begin = index * fleet.blockSize();
            int end = Math.min(tokens, begin + fleet.blockSize());
            return KvDescriptor.newBuilder()
                    .setKind(DescriptorKind.DESCRIPTOR_KIND_BATON)
                    .setBlockName(HASH)
                    .setBlockIndex(index)
                    .setTokenBegin(begin)
                    .setTokenEnd(end)
                    .setSizeBytes((end - begin) * 131_072L)
                    .setCrc32C(1)
                    .setHolderAddress(address)
                    .setHolderEpoch(fleet.epoch())
                    .setLeaseId(lease)
                    .setRequestId(s.getRequestId())
                    .setAttempt(s.getAttempt())
                    .setTenant(s.getTenant())
                    .setReceiver(receiver)
                    .setKeyId("bench")
                    .setSignature(HASH)
                    .setLeaseUs(10_000_000)
                    .build();
        }

        private void fail(String what) {
            done = true;
            out.onError(new BatonException(ErrorCode.PROTOCOL_VIOLATION, what).toStatus());
        }

        private void end() {
            if (!done) {
                done = true;
                out.onCompleted();
            }
        }

        @Override
        public void onError(Throwable t) {
            done = true;
        }

        @Override
        public void onCompleted() {
            end();
        }
    }
}
