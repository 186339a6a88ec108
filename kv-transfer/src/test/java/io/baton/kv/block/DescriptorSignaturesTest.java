package io.baton.kv.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.UnknownFieldSet;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.key.KvKeys;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.KvLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class DescriptorSignaturesTest {
    private static final KvKeys KEYS = KvKeys.parse(KvKeys.generate("k1"));
    private static final KvDescriptor SIGNED = DescriptorSignatures.sign(DescriptorFixtures.good(), KEYS);

    private static void assertInvalid(KvDescriptor d, KvKeys keys) {
        assertThatThrownBy(() -> DescriptorSignatures.verify(d, keys))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.SIGNATURE_INVALID));
    }

    @Test
    void shouldVerifyWhatItSigned() {
        assertThat(SIGNED.getKeyId()).isEqualTo("k1");
        assertThat(SIGNED.getSignature().size()).isEqualTo(32);
        assertThatCode(() -> DescriptorSignatures.verify(SIGNED, KEYS)).doesNotThrowAnyException();
    }

    static java.util.List<FieldDescriptor> fields() {
        return KvDescriptor.getDescriptor().getFields();
    }

    /** Every field, so that one that is added to the message and not to the signature is noticed. */
    @ParameterizedTest
    @MethodSource("fields")
    void shouldCoverEveryField(FieldDescriptor field) {
        assertInvalid(
                SIGNED.toBuilder()
                        .setField(field, other(SIGNED.getField(field), field))
                        .build(),
                KEYS);
    }

    static java.util.List<FieldDescriptor> layoutFields() {
        return KvLayout.getDescriptor().getFields();
    }

    @ParameterizedTest
    @MethodSource("layoutFields")
    void shouldCoverEveryFieldOfTheLayout(FieldDescriptor field) {
        KvLayout.Builder layout = SIGNED.getLayout().toBuilder();
        if (field.isRepeated()) {
            layout.addRepeatedField(field, 1);
        } else {
            layout.setField(field, other(layout.getField(field), field));
        }
        assertInvalid(SIGNED.toBuilder().setLayout(layout).build(), KEYS);
    }

    private static Object other(Object value, FieldDescriptor field) {
        return switch (field.getJavaType()) {
            case INT -> (Integer) value + 1;
            case LONG -> (Long) value + 1;
            case BOOLEAN -> !(Boolean) value;
            case STRING -> value + "x";
            case BYTE_STRING -> ((ByteString) value).concat(ByteString.copyFromUtf8("x"));
            case ENUM -> field.getEnumType().findValueByNumber(2);
            case MESSAGE -> ((KvLayout) value).toBuilder().setKType(30).build();
            case FLOAT, DOUBLE -> throw new IllegalArgumentException("no such field is signed: " + field);
        };
    }

    @Test
    void shouldRefuseWhatNoKeyOfItsSigned() {
        assertInvalid(DescriptorFixtures.good(), KEYS);
        assertInvalid(SIGNED, KvKeys.none());
        assertInvalid(SIGNED, KvKeys.parse(KvKeys.generate("k1")));
        assertInvalid(SIGNED, KvKeys.parse(KvKeys.generate("k2")));
        assertThatCode(() -> DescriptorSignatures.verify(DescriptorFixtures.good(), KvKeys.none()))
                .doesNotThrowAnyException();
    }

    @Test
    void shouldRefuseFieldsThatItDoesNotKnow() {
        var unknown = UnknownFieldSet.newBuilder()
                .addField(99, UnknownFieldSet.Field.newBuilder().addVarint(1).build())
                .build();
        assertInvalid(SIGNED.toBuilder().setUnknownFields(unknown).build(), KEYS);
        KvLayout layout =
                SIGNED.getLayout().toBuilder().setUnknownFields(unknown).build();
        assertInvalid(SIGNED.toBuilder().setLayout(layout).build(), KEYS);
        assertInvalid(
                DescriptorFixtures.good().toBuilder().setUnknownFields(unknown).build(), KvKeys.none());
    }

    /** Written out by hand from docs/protocol.md. */
    @Test
    void shouldEncodeAsDocumented() {
        KvDescriptor d = DescriptorFixtures.good().toBuilder().setKeyId("k").build();
        ByteBuffer b = ByteBuffer.allocate(1024).order(ByteOrder.LITTLE_ENDIAN);
        b.put("baton:kv-descriptor:v1\0".getBytes(StandardCharsets.US_ASCII));
        string(b, "k".getBytes(StandardCharsets.UTF_8)).putInt(1);
        string(b, d.getBlockName().toByteArray()).putInt(1).putInt(32).putInt(64);
        string(b, d.getLayout().getModelFingerprint().toByteArray());
        b.putInt(d.getLayout().getKType())
                .putInt(d.getLayout().getVType())
                .put((byte) 0)
                .putInt(0);
        b.putInt(d.getLayout().getKRowBytesCount());
        d.getLayout().getKRowBytesList().forEach(b::putInt);
        b.putInt(d.getLayout().getVRowBytesCount());
        d.getLayout().getVRowBytesList().forEach(b::putInt);
        b.putLong(32 * 1024).putInt(0x1234);
        string(b, "prefill-0.prefill:9000".getBytes(StandardCharsets.UTF_8))
                .putLong(7)
                .putLong(8);
        string(b, "r1".getBytes(StandardCharsets.UTF_8)).putInt(1);
        string(b, new byte[0]);
        string(b, "decode-0".getBytes(StandardCharsets.UTF_8));
        string(b, new byte[0]);
        byte[] expected = new byte[b.position()];
        b.get(0, expected);

        assertThat(DescriptorSignatures.message(d)).isEqualTo(expected);
    }

    private static ByteBuffer string(ByteBuffer b, byte[] bytes) {
        return b.putInt(bytes.length).put(bytes);
    }

    @Test
    void shouldNameTheBlocksOfTenantsApartAndTellNothingWithoutTheSecret() {
        // Given the same tokens, and what an outsider can compute
        int[] tokens = io.baton.kv.Layouts.tokens(64);
        var names = new HashSet<BlockName>();
        KvKeys others = KvKeys.parse(KvKeys.generate("k1"));

        // Then
        for (String tenant : new String[] {"", "a", "b"}) {
            names.addAll(BlockNames.of(KEYS, DescriptorFixtures.LAYOUT, tenant, tokens, 32));
            names.addAll(BlockNames.of(others, DescriptorFixtures.LAYOUT, tenant, tokens, 32));
            names.addAll(BlockNames.of(KvKeys.none(), DescriptorFixtures.LAYOUT, tenant, tokens, 32));
        }
        assertThat(names).hasSize(3 * 3 * 2);
        assertThat(BlockNames.of(KEYS, DescriptorFixtures.LAYOUT, "a", tokens, 32))
                .isEqualTo(BlockNames.of(KEYS, DescriptorFixtures.LAYOUT, "a", tokens, 32));
    }
}
