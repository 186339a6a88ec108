package io.baton.router.auth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ApiKeysTest {
    private static final String KEY_A = "sk-aaaaaaaaaaaaaaaa";
    private static final String KEY_B = "sk-bbbbbbbbbbbbbbbb";

    @Test
    void shouldTellTheTenantOfEachOfItsKeys() {
        // When
        ApiKeys keys = ApiKeys.parse("# ours\n\nacme: " + KEY_A + "\r\nacme:sk-cccccccccccccccc\nother : " + KEY_B, 3);
        // Then
        assertThat(keys.tenant(KEY_A)).isEqualTo("acme");
        assertThat(keys.tenant("sk-cccccccccccccccc")).isEqualTo("acme");
        assertThat(keys.tenant(KEY_B)).isEqualTo("other");
        assertThat(keys).hasToString("3 API keys of 2 tenants");
    }

    @Test
    void shouldKnowNoOtherKey() {
        // When
        ApiKeys keys = ApiKeys.parse("acme: " + KEY_A, 3);
        // Then
        assertThat(keys.tenant("")).isNull();
        assertThat(keys.tenant(KEY_A + "a")).isNull();
        assertThat(keys.tenant(KEY_A.substring(1))).isNull();
        assertThat(keys.tenant("acme")).isNull();
        assertThat(keys.tenant("x".repeat(100_000))).isNull();
    }

    @Test
    void shouldTakeADigestForTheKeyItself() throws Exception {
        // Given
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(KEY_A.getBytes(StandardCharsets.US_ASCII));
        String hex = HexFormat.of().formatHex(digest);
        // When
        ApiKeys keys = ApiKeys.parse("acme: sha256:" + hex, 3);
        // Then
        assertThat(keys.tenant(KEY_A)).isEqualTo("acme");
        assertThat(keys.tenant("sha256:" + hex)).as("the digest opens nothing").isNull();
    }

    @ParameterizedTest
    @CsvSource({
        "acme,                                     line 2 is not 'tenant: key'",
        "acme: one two,                            line 2 is not 'tenant: key'",
        "': sk-dddddddddddddddd',                  line 2 begins with no tenant",
        "a b: sk-dddddddddddddddd,                 line 2 begins with no tenant",
        "acme: short,                              line 2 has no key of 16 to 512",
        "acme: sk-dddddddddddddd%d,                line 2 has no key of 16 to 512",
        "acme: sha256:abc,                         line 2 has no SHA-256",
        "other: sk-aaaaaaaaaaaaaaaa,               line 2 has a key that an earlier line has",
    })
    void shouldNameTheLineThatIsWrongAndNeverAKey(String line, String problem) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ApiKeys.parse("acme: " + KEY_A + "\n" + line, 3))
                .withMessageContaining(problem)
                .withMessageNotContaining("sk-");
    }

    @Test
    void shouldRefuseAFileWithoutKeysAndOneWithTooMany() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ApiKeys.parse("# nobody\n", 3))
                .withMessageContaining("there is no key");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ApiKeys.parse("acme: " + KEY_A + "\nacme: " + KEY_B, 1))
                .withMessageContaining("line 2 is one too many");
    }
}
