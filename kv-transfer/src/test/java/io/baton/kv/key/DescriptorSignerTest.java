package io.baton.kv.key;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.Layouts;
import io.baton.kv.block.Descriptors;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.KvLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class DescriptorSignerTest {
    private static final int FLIPS = 100_000;

    private final DescriptorSigner signer = new DescriptorSigner(() -> Keys.of("k1"));

    private static KvDescriptor.Builder descriptor() {
        return KvDescriptor.newBuilder()
                .setKind(DescriptorKind.DESCRIPTOR_KIND_BATON)
                .setBlockName(ByteString.copyFrom(new byte[32]))
                .setBlockIndex(1)
                .setTokenBegin(32)
                .setTokenEnd(64)
                .setLayout(Descriptors.toProto(Layouts.of(1024)))
                .setSizeBytes(32 * 1024)
                .setCrc32C(0x1234)
                .setHolderAddress("prefill-0:9000")
                .setHolderEpoch(7)
                .setLeaseId(8)
                .setRequestId("r1")
                .setAttempt(1)
                .setTenant("t")
                .setReceiver("decode-0")
                .setLeaseUs(30_000_000);
    }

    private static void assertForged(DescriptorSigner by, KvDescriptor d) {
        assertThatThrownBy(() -> by.verify(d))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.DESCRIPTOR_FORGED));
    }

    @Test
    void shouldAcceptWhatItSigned() {
        // When
        KvDescriptor signed = signer.sign(descriptor());
        // Then
        assertThat(signed.getKeyId()).isEqualTo("k1");
        assertThat(signed.getSignature().size()).isEqualTo(32);
        assertThatCode(() -> signer.verify(signed)).doesNotThrowAnyException();
    }

    @Test
    void shouldAcceptEveryKeyThatItKnows() {
        // Given: the new key signs here, the old one still signs there
        DescriptorSigner rotated = new DescriptorSigner(() -> Keys.of("k2", "k1"));
        KvDescriptor old = signer.sign(descriptor());
        KvDescriptor young = rotated.sign(descriptor());
        // Then
        assertThat(young.getKeyId()).isEqualTo("k2");
        assertThatCode(() -> rotated.verify(old)).doesNotThrowAnyException();
        assertForged(signer, young);
    }

    @Test
    void shouldRefuseWhatIsNotSignedAndWhatItCannotCheck() {
        assertForged(signer, descriptor().build());
        assertForged(DescriptorSigner.unsigned(), signer.sign(descriptor()));
        assertThatCode(() -> DescriptorSigner.unsigned()
                        .verify(DescriptorSigner.unsigned().sign(descriptor())))
                .doesNotThrowAnyException();
    }

    @Test
    void shouldRefuseASignatureUnderTheSameIdButAnotherSecret() {
        // Given
        DescriptorSigner other = new DescriptorSigner(
                () -> ClusterKeys.parse(Keys.line("names", "names") + Keys.line("k1", "another secret")));
        // Then
        assertForged(signer, other.sign(descriptor()));
    }

    /** No field may be left out of what is signed, one that is added later included. */
    @Test
    void shouldSignEveryField() {
        KvDescriptor signed = signer.sign(descriptor());
        List<Message> changed = new ArrayList<>();
        for (FieldDescriptor field : KvDescriptor.getDescriptor().getFields()) {
            if (field.getName().equals("layout")) {
                for (FieldDescriptor inner : KvLayout.getDescriptor().getFields()) {
                    changed.add(signed.toBuilder()
                            .setLayout((KvLayout) altered(signed.getLayout(), inner))
                            .build());
                }
            } else if (!field.getName().equals("signature")) {
                changed.add(altered(signed, field));
            }
        }
        // Layout and signature are not fields of that list.
        assertThat(changed)
                .hasSize(KvDescriptor.getDescriptor().getFields().size()
                        - 2
                        + KvLayout.getDescriptor().getFields().size());
        for (Message m : changed) {
            assertForged(signer, (KvDescriptor) m);
        }
        assertForged(signer, signed.toBuilder().clearLayout().build());
    }

    private static Message altered(Message m, FieldDescriptor field) {
        Object value = m.getField(field);
        Object other = switch (field.getJavaType()) {
            case INT -> field.isRepeated() ? List.of(1, 2, 3) : (Integer) value + 1;
            case LONG -> (Long) value + 1;
            case BOOLEAN -> !(Boolean) value;
            case STRING -> value + "x";
            case BYTE_STRING -> ((ByteString) value).concat(ByteString.copyFromUtf8("x"));
            case ENUM -> field.getEnumType().findValueByNumber(DescriptorKind.DESCRIPTOR_KIND_NIXL_VALUE);
            default -> throw new AssertionError("a field of a kind that this test does not know: " + field);
        };
        return m.toBuilder().setField(field, other).build();
    }

    @Test
    void shouldRefuseAHundredThousandFlips() throws Exception {
        // Given
        byte[] wire = signer.sign(descriptor()).toByteArray();
        KvDescriptor good = KvDescriptor.parseFrom(wire);
        Random random = new Random(20_261_126);
        int parsed = 0;
        int same = 0;
        for (int i = 0; i < FLIPS; i++) {
            byte[] flipped = wire.clone();
            for (int n = 1 + random.nextInt(3); n > 0; n--) {
                int bit = random.nextInt(wire.length * Byte.SIZE);
                flipped[bit / Byte.SIZE] ^= (byte) (1 << bit % Byte.SIZE);
            }
            // When
            KvDescriptor d;
            try {
                d = KvDescriptor.parseFrom(flipped);
            } catch (InvalidProtocolBufferException e) {
                continue;
            }
            parsed++;
            // Then: the same fields in another form are the same descriptor
            if (d.equals(good)) {
                same++;
            } else {
                assertForged(signer, d);
            }
        }
        assertThat(parsed).as("flips that left a message").isGreaterThan(FLIPS / 4);
        assertThat(same).as("flips that changed no field").isLessThan(FLIPS / 100);
    }
}
