package io.baton.kv.key;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class KvKeysTest {
    private static final String A = secret(1);
    private static final String B = secret(2);
    private static final String N = secret(3);
    private static final byte[] MESSAGE = "message".getBytes(StandardCharsets.UTF_8);

    private static String secret(int seed) {
        byte[] bytes = new byte[32];
        java.util.Arrays.fill(bytes, (byte) seed);
        return Base64.getEncoder().encodeToString(bytes);
    }

    @Test
    void shouldSignWithTheFirstKeyAndVerifyWithAny() {
        // Given
        KvKeys old = KvKeys.parse("a: " + A + "\nnames: " + N);
        KvKeys rotated = KvKeys.parse("# new first\n\nb : " + B + "\na: " + A + "\r\nnames: " + N + "\n");

        // Then
        assertThat(old.signingId()).isEqualTo("a");
        assertThat(rotated.signingId()).isEqualTo("b");
        assertThat(rotated.verify("a", MESSAGE, old.sign(MESSAGE))).isTrue();
        assertThat(rotated.verify("b", MESSAGE, rotated.sign(MESSAGE))).isTrue();
        assertThat(rotated.verify("b", MESSAGE, old.sign(MESSAGE))).isFalse();
        assertThat(old.verify("b", MESSAGE, rotated.sign(MESSAGE))).isFalse();
        assertThat(old.verify("names", MESSAGE, old.sign(MESSAGE))).isFalse();
        assertThat(old.verify("a", MESSAGE, new byte[0])).isFalse();
    }

    /** RFC 4231, test case 2, so that HMAC is HMAC; the rest of the derivation is as docs/protocol.md says. */
    @Test
    void shouldDeriveAsDocumented() {
        byte[] jefe = Hmac.of(
                "Jefe".getBytes(StandardCharsets.US_ASCII),
                "what do ya want for nothing?".getBytes(StandardCharsets.US_ASCII));
        assertThat(HexFormat.of().formatHex(jefe))
                .isEqualTo("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");

        KvKeys keys = KvKeys.parse("a: " + A + "\nnames: " + N);
        byte[] signing = Hmac.of(Base64.getDecoder().decode(A), "baton:kv-sign:v1".getBytes(StandardCharsets.US_ASCII));
        assertThat(keys.sign(MESSAGE)).isEqualTo(Hmac.of(signing, MESSAGE));
        assertThat(keys.tenantSecret("ab"))
                .hasValue(Hmac.of(
                        Base64.getDecoder().decode(N),
                        "baton:kv-tenant:v1\0\2\0\0\0ab".getBytes(StandardCharsets.US_ASCII)));
    }

    @Test
    void shouldGiveEveryTenantASecretOfItsOwn() {
        KvKeys keys = KvKeys.parse("a: " + A + "\nnames: " + N);

        assertThat(keys.tenantSecret("").orElseThrow())
                .isNotEqualTo(keys.tenantSecret("t").orElseThrow());
        assertThat(keys.tenantSecret("t").orElseThrow()).hasSize(Hmac.BYTES);
        assertThat(KvKeys.none().tenantSecret("t")).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "names: AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
                "a: AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
                "a: AQEBAQ==\nnames: AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
                "a: no base64!\nnames: AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
                "a AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
                "a: AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\na: AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
            })
    void shouldRefuseATextThatIsNoKeyFileAndShowNoSecret(String text) {
        assertThatThrownBy(() -> KvKeys.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .message()
                .doesNotContain("AQEB");
    }

    @Test
    void shouldShowNoSecretAsText() {
        assertThat(KvKeys.parse("a: " + A + "\nb: " + B + "\nnames: " + N)).hasToString("keys [a, b]");
        assertThat(KvKeys.none()).hasToString("no keys");
    }

    @Test
    void shouldGenerateWhatItReads() {
        String one = KvKeys.generate("up");
        assertThat(KvKeys.parse(one).signingId()).isEqualTo("up");
        assertThat(KvKeys.generate("up")).isNotEqualTo(one);
    }

    @Test
    void shouldTakeChangedKeysAndKeepThemIfTheFileIsSpoilt(@TempDir Path directory) throws IOException {
        // Given
        Path path = directory.resolve("keys");
        Files.writeString(path, "a: " + A + "\nnames: " + N);
        var file = new KeyFile(path);

        // When
        Files.writeString(path, "b: " + B + "\na: " + A + "\nnames: " + N);
        file.reload();

        // Then
        assertThat(file.get().signingId()).isEqualTo("b");

        // When
        Files.writeString(path, "rubbish");
        assertThatThrownBy(file::reload).isInstanceOf(IllegalArgumentException.class);
        Files.writeString(path, "c: " + A + "\nnames: " + B);
        assertThatThrownBy(file::reload).hasMessageContaining("restart of all workers");
        Files.delete(path);
        assertThatThrownBy(file::reload).isInstanceOf(IOException.class);

        // Then
        assertThat(file.get().signingId()).isEqualTo("b");
    }
}
