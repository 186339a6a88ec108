package io.baton.worker.vllm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.baton.engine.vllm.VllmModel;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.block.Descriptors;
import io.baton.kv.key.DescriptorSigner;
import io.baton.kv.key.Keys;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvDescriptor;
import io.baton.worker.v1.WorkerIdentity;
import java.nio.charset.StandardCharsets;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

class NixlDescriptorsTest {
    private static final VllmModel MODEL = new VllmModel("m", "/models/m", 100);
    private static final WorkerIdentity HOLDER = WorkerIdentity.newBuilder()
            .setLayout(VllmIdentity.layout(MODEL))
            .setAddress("10.0.0.1:9100")
            .setEpoch(5)
            .build();
    private static final NixlDescriptors.Binding LEG = new NixlDescriptors.Binding("r~1", 2, "tenant", 40);
    private static final byte[] PARAMS = "{\"remote_engine_id\": \"e\"}".getBytes(StandardCharsets.UTF_8);

    private static final DescriptorSigner SIGNER = new DescriptorSigner(() -> Keys.of("k"));

    private static KvDescriptor made() {
        return NixlDescriptors.make(HOLDER, LEG, "decode-1", PARAMS, SIGNER);
    }

    private static byte[] open(KvDescriptor d) {
        return NixlDescriptors.open(d, LEG, HOLDER.getLayout(), "decode-1", 1000, SIGNER);
    }

    @Test
    void shouldGiveBackTheVeryBytesToTheLegThatTheyWereMadeFor() {
        assertThat(open(made())).isEqualTo(PARAMS);
    }

    @Test
    void shouldRefuseADescriptorThatWasMadeForAnythingElse() {
        refused(ErrorCode.DESCRIPTOR_REFUSED, d -> d.setKind(DescriptorKind.DESCRIPTOR_KIND_BATON));
        refused(ErrorCode.DESCRIPTOR_REFUSED, d -> d.setRequestId("r~2"));
        refused(ErrorCode.TENANT_MISMATCH, d -> d.setTenant("other"));
        refused(ErrorCode.DESCRIPTOR_REFUSED, d -> d.setAttempt(1));
        refused(ErrorCode.RECEIVER_MISMATCH, d -> d.setReceiver("decode-2"));
        refused(ErrorCode.DESCRIPTOR_REFUSED, d -> d.setTokenEnd(41));
        refused(ErrorCode.DESCRIPTOR_REFUSED, d -> d.setBlockIndex(1));
        refused(ErrorCode.DESCRIPTOR_REFUSED, d -> d.setOpaque(ByteString.EMPTY));
        refused(ErrorCode.DESCRIPTOR_REFUSED, d -> d.setOpaque(ByteString.copyFrom(new byte[1001])));
        refused(
                ErrorCode.LAYOUT_MISMATCH,
                d -> d.setLayout(VllmIdentity.layout(new VllmModel("m", "/models/another", 100))));
        refused(ErrorCode.BLOCK_CORRUPT, d -> d.setOpaque(ByteString.copyFromUtf8("{\"remote_engine_id\": \"f\"}")));
    }

    @Test
    void shouldRefuseWhatWasChangedOnItsWayOrIsNotSigned() {
        assertRefused(
                ErrorCode.DESCRIPTOR_FORGED, made().toBuilder().setAttempt(3).build());
        assertRefused(
                ErrorCode.DESCRIPTOR_FORGED,
                made().toBuilder().setOpaque(ByteString.copyFromUtf8("{}")).build());
        assertRefused(
                ErrorCode.DESCRIPTOR_FORGED,
                NixlDescriptors.make(HOLDER, LEG, "decode-1", PARAMS, DescriptorSigner.unsigned()));
    }

    /** Whoever has the keys can sign anything, and must still say what fits. */
    private static void refused(ErrorCode code, Consumer<KvDescriptor.Builder> change) {
        KvDescriptor.Builder d = made().toBuilder();
        change.accept(d);
        assertRefused(code, SIGNER.sign(d));
    }

    private static void assertRefused(ErrorCode code, KvDescriptor d) {
        assertThatThrownBy(() -> open(d))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(code));
    }

    @Test
    void shouldNotBeTakenForALayoutOfRowsByAWorkerThatPullsBlocks() {
        assertThatThrownBy(() -> Descriptors.fromProto(HOLDER.getLayout()))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.LAYOUT_MISMATCH));
    }
}
