package io.baton.kv.transfer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.key.DescriptorSigner;
import io.baton.kv.key.Keys;
import io.baton.kv.v1.AcknowledgeRequest;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.KvTransferServiceGrpc;
import io.baton.kv.v1.RenewRequest;
import io.baton.tls.MutualTls;
import io.baton.tls.ServiceRole;
import io.baton.tls.ServiceTls;
import io.baton.tls.TestAuthority;
import io.grpc.ManagedChannel;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.InternalNettyChannelBuilder;
import io.grpc.netty.NettyChannelBuilder;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Blocks over mutual TLS: they arrive as they were, and only at the worker whose certificate the descriptor names. */
class MutualTlsPullTest {
    private static final int MIB = 8;

    private final TestAuthority authority = new TestAuthority("tests");
    private final MutualTls holderTls = authority.tls("spiffe://baton/prefill/prefill-0");
    private final List<AutoCloseable> open = new ArrayList<>(List.of(holderTls));
    private final DescriptorSigner signer = new DescriptorSigner(() -> Keys.of("k1"));
    private final Holder holder = opened(Holder.over(holderTls, signer, MIB));

    private <T extends AutoCloseable> T opened(T closeable) {
        open.add(closeable);
        return closeable;
    }

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable c : open.reversed()) {
            c.close();
        }
    }

    private KvPuller puller(ServiceTls tls) {
        return opened(new KvPuller(Holder.config(), Holder.RECEIVER, holder.layout, tls));
    }

    private MutualTls worker(String uri) {
        return opened(authority.tls(uri));
    }

    private static ErrorCode failure(KvPuller puller, KvDescriptor block) throws InterruptedException {
        try {
            puller.pull(block, Holder.target(block)).get();
        } catch (ExecutionException e) {
            return BatonException.from(e).code();
        }
        throw new AssertionError("the block was pulled");
    }

    @Test
    void shouldMoveBlocksByteForByte() throws Exception {
        KvPuller puller = puller(worker("spiffe://baton/decode/" + Holder.RECEIVER));
        for (int i = 0; i < 3; i++) {
            // Given
            KvDescriptor block = holder.offer(i);
            MemorySegment target = Holder.target(block);
            // When
            assertThat(Await.value(puller.pull(block, target)).bytes()).isEqualTo((long) MIB << 20);
            // Then
            assertThat(target.mismatch(Holder.rows(block))).isEqualTo(-1);
        }
        assertThat(holder.service.stats().sentBytes()).isEqualTo((3L * MIB) << 20);
        assertThat(holderTls.handshakesRefused() + holderTls.rolesRefused()).isZero();
    }

    @Test
    void shouldMoveBlocksToAWorkerWhoseCertificateNamesItsRoleOnly() throws Exception {
        KvDescriptor block = holder.offer(0);
        KvPuller puller = puller(worker("spiffe://baton/decode"));
        assertThat(Await.value(puller.pull(block, Holder.target(block))).bytes())
                .isEqualTo(block.getSizeBytes());
    }

    @Test
    void shouldRefuseAStolenDescriptorWhateverTheThiefSaysItIs() throws Exception {
        // Given: it says that it is decode-0, and its certificate says decode-1
        KvDescriptor block = holder.offer(0);
        MutualTls thief = worker("spiffe://baton/decode/decode-1");
        // When / Then
        assertThat(failure(puller(thief), block)).isEqualTo(ErrorCode.RECEIVER_MISMATCH);
        var stub = KvTransferServiceGrpc.newBlockingStub(channel(thief));
        assertThatThrownBy(() -> stub.renew(RenewRequest.newBuilder()
                        .setHolderEpoch(Holder.EPOCH)
                        .setReceiver(Holder.RECEIVER)
                        .addLeaseIds(block.getLeaseId())
                        .build()))
                .isInstanceOfSatisfying(
                        StatusRuntimeException.class,
                        e -> assertThat(BatonException.from(e).code()).isEqualTo(ErrorCode.RECEIVER_MISMATCH));
        assertThatThrownBy(() -> stub.acknowledge(AcknowledgeRequest.newBuilder()
                        .setHolderEpoch(Holder.EPOCH)
                        .setReceiver(Holder.RECEIVER)
                        .setLeaseId(block.getLeaseId())
                        .addBlockIndexes(0)
                        .build()))
                .isInstanceOfSatisfying(
                        StatusRuntimeException.class,
                        e -> assertThat(BatonException.from(e).code()).isEqualTo(ErrorCode.RECEIVER_MISMATCH));
        assertThat(holder.service.stats().refused()).containsEntry(ErrorCode.RECEIVER_MISMATCH, 3L);
        assertThat(holder.service.stats().sentBytes()).isZero();
        assertThat(holder.lease.unacknowledgedBlocks()).isEqualTo(1);
        assertThat(holder.leases.renewed()).isZero();
    }

    private ManagedChannel channel(MutualTls tls) {
        var builder = NettyChannelBuilder.forTarget(holder.address());
        var negotiator = tls.client(Set.of(ServiceRole.PREFILL));
        InternalNettyChannelBuilder.setProtocolNegotiatorFactory(builder, () -> negotiator);
        ManagedChannel channel = builder.build();
        open.add(channel::shutdownNow);
        return channel;
    }

    @Test
    void shouldRefuseAPullByAnotherRole() throws Exception {
        KvDescriptor block = holder.offer(0);
        for (String uri : List.of("spiffe://baton/prefill/" + Holder.RECEIVER, "spiffe://baton/router")) {
            long before = holderTls.rolesRefused();
            assertThat(failure(puller(worker(uri)), block)).isEqualTo(ErrorCode.ROLE_REFUSED);
            assertThat(holderTls.rolesRefused()).isEqualTo(before + 1);
        }
        assertThat(holder.service.stats().sentBytes()).isZero();
    }

    @Test
    void shouldRefuseAPullWithoutTlsOrWithACertificateOfAnotherAuthority() throws Exception {
        KvDescriptor block = holder.offer(0);
        assertThat(failure(puller(ServiceTls.plaintext()), block)).isEqualTo(ErrorCode.PULL_FAILED);
        long plaintext = holderTls.handshakesRefused();
        assertThat(plaintext).isPositive();
        MutualTls stranger = opened(authority.strange("spiffe://baton/decode/" + Holder.RECEIVER));
        assertThat(failure(puller(stranger), block)).isEqualTo(ErrorCode.PULL_FAILED);
        assertThat(holderTls.handshakesRefused()).isGreaterThan(plaintext);
        assertThat(holder.service.stats().sentBytes()).isZero();
    }
}
