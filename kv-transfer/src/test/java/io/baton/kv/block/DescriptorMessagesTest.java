package io.baton.kv.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.key.DescriptorSigner;
import io.baton.kv.key.Keys;
import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.KvLayout;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DescriptorMessagesTest {
    private static final KvLayout LAYOUT = Descriptors.toProto(DescriptorFixtures.LAYOUT);
    private final DescriptorSigner signer = new DescriptorSigner(() -> Keys.of("k1"));

    @ParameterizedTest
    @CsvSource({"0,0", "1,1", "256,1", "257,2", "512,2", "513,3"})
    void shouldTellOfEveryBlockInOrderInMessagesOfBoundedLength(int blocks, int messages) {
        // Given
        List<KvDescriptor> all = IntStream.range(0, blocks)
                .mapToObj(i ->
                        DescriptorFixtures.good().toBuilder().setBlockIndex(i).build())
                .toList();

        // When
        List<List<KvDescriptor>> split = DescriptorMessages.split(all);

        // Then
        assertThat(split).hasSize(messages);
        assertThat(split).allSatisfy(m -> assertThat(m).hasSizeBetween(1, DescriptorMessages.MAX_BLOCKS));
        assertThat(split.stream().flatMap(List::stream).map(KvDescriptor::getBlockIndex))
                .containsExactlyElementsOf(IntStream.range(0, blocks).boxed().toList());
        assertThat(split.stream().flatMap(List::stream)).noneMatch(KvDescriptor::hasLayout);
    }

    @Test
    void shouldStayFarBelowTheLimitOfGrpcWithTheLongestNames() {
        // Given
        KvDescriptor longest = signer.sign(DescriptorFixtures.good().toBuilder()
                .setRequestId("r".repeat(256))
                .setTenant("t".repeat(256))
                .setReceiver("d".repeat(256))
                .setHolderAddress("h".repeat(255) + ":65535"));

        // When
        List<List<KvDescriptor>> split = DescriptorMessages.split(Stream.generate(() -> longest)
                .limit(DescriptorMessages.MAX_BLOCKS)
                .toList());

        // Then
        assertThat(split).hasSize(1);
        assertThat(split.getFirst().stream()
                        .mapToInt(KvDescriptor::getSerializedSize)
                        .sum())
                .isLessThan(1 << 20);
    }

    @Test
    void shouldVerifyWithTheLayoutThatItWasSignedWithAndNoOther() {
        // Given
        KvDescriptor signed = signer.sign(DescriptorFixtures.good().toBuilder());
        KvDescriptor carried =
                DescriptorMessages.split(List.of(signed)).getFirst().getFirst();

        // When
        KvDescriptor whole = DescriptorMessages.whole(carried, LAYOUT);

        // Then
        assertThat(whole).isEqualTo(signed);
        signer.verify(whole);
        KvLayout other = LAYOUT.toBuilder().setKType(77).build();
        for (KvDescriptor wrong : List.of(carried, DescriptorMessages.whole(carried, other))) {
            assertThatThrownBy(() -> signer.verify(wrong))
                    .isInstanceOfSatisfying(
                            BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.DESCRIPTOR_FORGED));
        }
    }

    @Test
    void shouldNotReplaceALayoutThatADescriptorBrings() {
        // Given
        KvLayout other = LAYOUT.toBuilder().setKType(77).build();

        // When
        KvDescriptor whole = DescriptorMessages.whole(
                DescriptorFixtures.good().toBuilder().setLayout(other).build(), LAYOUT);

        // Then
        assertThat(whole.getLayout()).isEqualTo(other);
    }
}
