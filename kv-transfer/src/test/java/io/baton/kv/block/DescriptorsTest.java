package io.baton.kv.block;

import static io.baton.kv.block.DescriptorFixtures.LAYOUT;
import static io.baton.kv.block.DescriptorFixtures.NAME;
import static io.baton.kv.block.DescriptorFixtures.good;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.baton.engine.KvLayout;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.Layouts;
import io.baton.kv.key.KvKeys;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvDescriptor;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class DescriptorsTest {
    @Test
    void shouldAcceptADescriptorOfTheExpectedBlock() {
        assertThatCode(() -> Descriptors.check(good(), KvKeys.none(), LAYOUT, "decode-0", NAME, 32, 64, "", "r1"))
                .doesNotThrowAnyException();
    }

    @Test
    void shouldAcceptATailWithoutName() {
        KvDescriptor tail = good().toBuilder().clearBlockName().build();

        assertThatCode(() -> Descriptors.check(tail, KvKeys.none(), LAYOUT, "decode-0", null, 32, 64, "", "r1"))
                .doesNotThrowAnyException();
    }

    static Stream<Arguments> wrong() {
        return Stream.of(
                wrong("kind is DESCRIPTOR_KIND_UNSPECIFIED", KvDescriptor.Builder::clearKind),
                wrong("kind is DESCRIPTOR_KIND_NIXL", b -> b.setKind(DescriptorKind.DESCRIPTOR_KIND_NIXL)),
                wrong("kind is UNRECOGNIZED", b -> b.setKindValue(99)),
                wrong("another transport", b -> b.setOpaque(ByteString.copyFromUtf8("x"))),
                wrong("for receiver 'decode-1'", b -> b.setReceiver("decode-1")),
                wrong("for receiver ''", KvDescriptor.Builder::clearReceiver),
                wrong("names no request", KvDescriptor.Builder::clearRequestId),
                wrong("no attempt", KvDescriptor.Builder::clearAttempt),
                wrong("no attempt", b -> b.setAttempt(-1)),
                wrong(
                        "31 bytes instead of 32",
                        b -> b.setBlockName(NAME.toByteString().substring(1))),
                wrong("cannot cover", b -> b.setBlockIndex(-1)),
                wrong("cannot cover", b -> b.setTokenBegin(-32)),
                wrong("cannot cover", b -> b.setTokenEnd(32)),
                wrong("cannot cover", b -> b.setTokenBegin(Integer.MAX_VALUE)),
                wrong("covers tokens [0, 32)", b -> b.setTokenBegin(0).setTokenEnd(32)),
                wrong("of other tokens", b -> b.setBlockName(ByteString.copyFrom(new byte[32]))),
                wrong("of other tokens", KvDescriptor.Builder::clearBlockName),
                wrong("no layout", KvDescriptor.Builder::clearLayout),
                wrong("0 bytes instead of 32", b -> b.getLayoutBuilder().clearModelFingerprint()),
                wrong("V rows for 1", b -> b.getLayoutBuilder().clearVRowBytes().addVRowBytes(4)),
                wrong("K rows for 0", b -> b.getLayoutBuilder().clearVRowBytes().clearKRowBytes()),
                wrong("rows of -4 bytes", b -> b.getLayoutBuilder().setKRowBytes(1, -4)),
                wrong("rows of 0 bytes", b -> b.getLayoutBuilder().setVRowBytes(0, 0)),
                wrong("32769 bytes for tokens [32, 64), which take 32768", b -> b.setSizeBytes(32 * 1024 + 1)),
                wrong("-1 bytes", b -> b.setSizeBytes(-1)),
                wrong("not host:port", KvDescriptor.Builder::clearHolderAddress),
                wrong("not host:port", b -> b.setHolderAddress("prefill-0")));
    }

    private static Arguments wrong(String message, Consumer<KvDescriptor.Builder> change) {
        return Arguments.of(message, change);
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("wrong")
    void shouldRefuseAnythingElse(String message, Consumer<KvDescriptor.Builder> change) {
        // Given
        KvDescriptor.Builder b = good().toBuilder();
        change.accept(b);
        KvDescriptor d = b.build();

        // When / Then
        assertThatThrownBy(() -> Descriptors.check(d, KvKeys.none(), LAYOUT, "decode-0", NAME, 32, 64, "", "r1"))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(code(message)))
                .hasMessageContaining(message);
    }

    private static ErrorCode code(String message) {
        return message.startsWith("for receiver") ? ErrorCode.RECEIVER_MISMATCH : ErrorCode.DESCRIPTOR_REFUSED;
    }

    @Test
    void shouldRefuseAnotherTenantAndAnotherRequest() {
        assertThatThrownBy(() -> Descriptors.check(good(), KvKeys.none(), LAYOUT, "decode-0", NAME, 32, 64, "t", "r1"))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.TENANT_MISMATCH));
        assertThatThrownBy(() -> Descriptors.check(good(), KvKeys.none(), LAYOUT, "decode-0", NAME, 32, 64, "", "r2"))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.DESCRIPTOR_REFUSED));
    }

    @Test
    void shouldRefuseAnotherLayoutByName() {
        for (KvLayout other :
                new KvLayout[] {Layouts.transposed(LAYOUT), Layouts.ofOtherModel(LAYOUT, 'f'), Layouts.of(512)}) {
            assertThatThrownBy(() -> Descriptors.check(good(), KvKeys.none(), other, "decode-0"))
                    .isInstanceOfSatisfying(
                            BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.LAYOUT_MISMATCH))
                    .hasMessageContaining("same model with the same cache settings");
        }
    }

    @Test
    void shouldGiveBackTheLayoutThatWasSent() {
        var layout = new KvLayout("ab".repeat(32), 1, 8, new int[] {128, 256}, new int[] {64, 32}, true);

        assertThat(Descriptors.fromProto(Descriptors.toProto(layout))).isEqualTo(layout);
    }
}
