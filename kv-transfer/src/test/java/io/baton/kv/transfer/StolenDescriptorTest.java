package io.baton.kv.transfer;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.Layouts;
import io.baton.kv.block.Descriptors;
import io.baton.kv.key.DescriptorSigner;
import io.baton.kv.key.Keys;
import io.baton.kv.v1.AcknowledgeRequest;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.KvTransferServiceGrpc;
import io.baton.kv.v1.RenewRequest;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Whoever has a descriptor that is not his to use, and says over the network whatever he likes: each way has an error of its
 * own, is counted by it, and gets no byte.
 */
class StolenDescriptorTest {
    private static final Duration TIME = Duration.ofSeconds(30);

    private final AtomicLong clock = new AtomicLong();
    private final DescriptorSigner signer = new DescriptorSigner(() -> Keys.of("k1"));
    /** Who the holder's connections are authenticated as; null: they are not. */
    private final AtomicReference<@Nullable String> peer = new AtomicReference<>();

    private final Holder holder = Holder.signing(signer, TIME, clock::get, b -> b.intercept(new Authenticated()));
    private final ManagedChannel channel =
            NettyChannelBuilder.forTarget(holder.address()).usePlaintext().build();
    private final KvTransferServiceGrpc.KvTransferServiceBlockingStub stub =
            KvTransferServiceGrpc.newBlockingStub(channel);

    private final class Authenticated implements ServerInterceptor {
        @Override
        public <Q, R> ServerCall.Listener<Q> interceptCall(
                ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
            String id = peer.get();
            Context context = Context.current();
            return Contexts.interceptCall(
                    id == null ? context : context.withValue(PeerIdentity.WORKER_ID, id), call, headers, next);
        }
    }

    private KvDescriptor mine = KvDescriptor.getDefaultInstance();

    @BeforeEach
    void offer() {
        mine = holder.offer(0);
    }

    @AfterEach
    void close() {
        channel.shutdownNow();
        holder.close();
    }

    /** Pulls as whoever {@code receiver} is, with nothing checked before it is sent. */
    private ErrorCode refusal(KvDescriptor d, String receiver) throws Exception {
        try (var pull = new RawPull(d, receiver)) {
            pull.takeAll();
            var status = Await.value(pull.closed);
            assertThat(status.isOk()).as("pulled %s", d).isFalse();
            assertThat(pull.frames).isEmpty();
            return BatonException.from(status.asRuntimeException(Await.value(pull.trailers)))
                    .code();
        }
    }

    private void assertRefusedAndCounted(ErrorCode code, KvDescriptor d, String receiver) throws Exception {
        long before = holder.service.stats().refused().getOrDefault(code, 0L);
        assertThat(refusal(d, receiver)).isEqualTo(code);
        assertThat(holder.service.stats().refused()).containsEntry(code, before + 1);
        assertThat(holder.service.stats().sentBytes()).isZero();
    }

    /** As somebody would say it who has the cluster's keys as well. */
    private KvDescriptor signed(UnaryOperator<KvDescriptor.Builder> change) {
        return signer.sign(change.apply(mine.toBuilder()));
    }

    @Test
    void shouldRefuseAnotherReceiverThanTheOneItWasMadeFor() throws Exception {
        assertRefusedAndCounted(ErrorCode.RECEIVER_MISMATCH, mine, "thief");
        assertRefusedAndCounted(ErrorCode.RECEIVER_MISMATCH, signed(d -> d.setReceiver("thief")), "thief");
        assertRefusedAndCounted(
                ErrorCode.DESCRIPTOR_FORGED,
                mine.toBuilder().setReceiver("thief").build(),
                "thief");
    }

    @Test
    void shouldRefuseAnAuthenticatedPeerThatSaysItIsTheReceiver() throws Exception {
        // Given
        peer.set("thief");
        // When / Then
        assertRefusedAndCounted(ErrorCode.RECEIVER_MISMATCH, mine, Holder.RECEIVER);
        assertThat(BatonException.from(catchStatus(() -> stub.renew(renewal()))).code())
                .isEqualTo(ErrorCode.RECEIVER_MISMATCH);
        assertThat(BatonException.from(catchStatus(() -> stub.acknowledge(acknowledgement())))
                        .code())
                .isEqualTo(ErrorCode.RECEIVER_MISMATCH);
        assertThat(holder.lease.unacknowledgedBlocks()).isEqualTo(1);
        assertThat(holder.leases.renewed()).isZero();

        // Given: it is who it says it is
        peer.set(Holder.RECEIVER);
        // When / Then
        assertThat(stub.renew(renewal()).getUnknownLeaseIdsList()).isEmpty();
        try (var puller = holder.puller()) {
            assertThat(Await.value(puller.pull(mine, Holder.target(mine))).bytes())
                    .isEqualTo(mine.getSizeBytes());
        }
        assertThat(stub.acknowledge(acknowledgement()).getReleasedBlocks()).isEqualTo(1);
    }

    private RenewRequest renewal() {
        return RenewRequest.newBuilder()
                .setHolderEpoch(Holder.EPOCH)
                .setReceiver(Holder.RECEIVER)
                .addLeaseIds(mine.getLeaseId())
                .build();
    }

    private AcknowledgeRequest acknowledgement() {
        return AcknowledgeRequest.newBuilder()
                .setHolderEpoch(Holder.EPOCH)
                .setReceiver(Holder.RECEIVER)
                .setLeaseId(mine.getLeaseId())
                .setRequestId(mine.getRequestId())
                .addBlockIndexes(0)
                .build();
    }

    private static StatusRuntimeException catchStatus(Runnable call) {
        try {
            call.run();
        } catch (StatusRuntimeException e) {
            return e;
        }
        throw new AssertionError("it was not refused");
    }

    @Test
    void shouldRefuseAfterTheLeaseHasRunOut() throws Exception {
        // Given
        clock.addAndGet(TIME.toNanos());
        assertThat(holder.leases.expire()).isEqualTo(1);
        assertThat(holder.store.stats().pinnedBytes()).isZero();
        // When / Then
        assertRefusedAndCounted(ErrorCode.LEASE_EXPIRED, mine, Holder.RECEIVER);
    }

    @Test
    void shouldRefuseAnotherTenant() throws Exception {
        assertRefusedAndCounted(ErrorCode.TENANT_MISMATCH, signed(d -> d.setTenant("other")), Holder.RECEIVER);
    }

    @Test
    void shouldRefuseAnotherModel() throws Exception {
        var other = Descriptors.toProto(Layouts.ofOtherModel(holder.layout, '9'));
        assertRefusedAndCounted(ErrorCode.LAYOUT_MISMATCH, signed(d -> d.setLayout(other)), Holder.RECEIVER);
    }

    @Test
    void shouldRefuseAnotherEpoch() throws Exception {
        assertRefusedAndCounted(
                ErrorCode.EPOCH_MISMATCH, signed(d -> d.setHolderEpoch(Holder.EPOCH + 1)), Holder.RECEIVER);
    }

    @Test
    void shouldRefuseAReplayAfterItsAcknowledgement() throws Exception {
        // Given: the same receiver may repeat a pull until then
        try (var puller = holder.puller()) {
            for (int i = 0; i < 2; i++) {
                assertThat(Await.value(puller.pull(mine, Holder.target(mine))).bytes())
                        .isEqualTo(mine.getSizeBytes());
            }
        }
        long sent = holder.service.stats().sentBytes();
        assertThat(stub.acknowledge(acknowledgement()).getReleasedBlocks()).isEqualTo(1);
        // When / Then
        assertThat(refusal(mine, Holder.RECEIVER)).isEqualTo(ErrorCode.BLOCK_SPENT);
        assertThat(holder.service.stats().refused()).containsEntry(ErrorCode.BLOCK_SPENT, 1L);
        assertThat(holder.service.stats().sentBytes()).isEqualTo(sent);
    }

    @Test
    void shouldRefuseWhatAnybodyElseMadeUp() throws Exception {
        DescriptorSigner stranger = new DescriptorSigner(() -> Keys.of("k2"));
        for (KvDescriptor made :
                List.of(mine.toBuilder().clearSignature().clearKeyId().build(), stranger.sign(mine.toBuilder()))) {
            assertRefusedAndCounted(ErrorCode.DESCRIPTOR_FORGED, made, Holder.RECEIVER);
        }
    }
}
