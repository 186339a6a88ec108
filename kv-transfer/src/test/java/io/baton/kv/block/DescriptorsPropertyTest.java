package io.baton.kv.block;

import static io.baton.kv.block.DescriptorFixtures.LAYOUT;
import static io.baton.kv.block.DescriptorFixtures.NAME;
import static io.baton.kv.block.DescriptorFixtures.good;
import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.InvalidProtocolBufferException;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.key.KvKeys;
import io.baton.kv.v1.KvDescriptor;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

class DescriptorsPropertyTest {
    /** What only the holder can judge: it compares them with what it gave out. */
    private static final Set<String> HOLDERS_OWN = Set.of(
            "block_index",
            "crc32c",
            "holder_address",
            "holder_epoch",
            "lease_id",
            "request_id",
            "attempt",
            "tenant",
            "key_id",
            "signature");

    @Property(tries = 5000)
    void aMutatedDescriptorShouldBeRefusedOrDifferOnlyInWhatItsHolderJudges(
            @ForAll @IntRange(max = 10_000) int at, @ForAll byte value) {
        // Given one byte of a good descriptor changed
        byte[] wire = good().toByteArray();
        wire[at % wire.length] = value;

        // When
        KvDescriptor d;
        try {
            d = KvDescriptor.parseFrom(wire);
            Descriptors.check(d, KvKeys.none(), LAYOUT, "decode-0", NAME, 32, 64, "", "r1");
        } catch (InvalidProtocolBufferException e) {
            return;
        } catch (BatonException e) {
            assertThat(e.code())
                    .isIn(
                            ErrorCode.DESCRIPTOR_REFUSED,
                            ErrorCode.RECEIVER_MISMATCH,
                            ErrorCode.TENANT_MISMATCH,
                            ErrorCode.SIGNATURE_INVALID,
                            ErrorCode.LAYOUT_MISMATCH);
            return;
        }

        // Then
        for (var field : KvDescriptor.getDescriptor().getFields()) {
            if (!HOLDERS_OWN.contains(field.getName())) {
                assertThat(d.getField(field)).as(field.getName()).isEqualTo(good().getField(field));
            }
        }
    }

    @Property(tries = 2000)
    void randomBytesShouldNeverPassNorBreakTheCheck(@ForAll byte[] bytes) {
        try {
            Descriptors.check(KvDescriptor.parseFrom(bytes), KvKeys.none(), LAYOUT, "decode-0");
        } catch (InvalidProtocolBufferException | BatonException e) {
            return;
        }
        throw new AssertionError("random bytes passed as a descriptor");
    }
}
