package io.baton.kv.key;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class ClusterKeysTest {
    @Test
    void shouldSignWithTheFirstKeyAndKnowAllOfThem() {
        // When
        ClusterKeys keys = ClusterKeys.parse(
                "# comment\n\n" + Keys.line("new", "a") + Keys.line("names", "n") + Keys.line("old", "b"));

        // Then
        assertThat(keys.active()).isEqualTo("new");
        assertThat(keys.descriptorKey("old")).isNotNull();
        assertThat(keys.descriptorKey("names")).isNull();
        assertThat(keys.descriptorKey("another")).isNull();
        assertThat(keys.names()).isPresent();
        assertThat(keys.isEmpty()).isFalse();
    }

    @Test
    void shouldHaveNoSecretOfNamesWhereThereAreNoKeys() {
        assertThat(ClusterKeys.none().isEmpty()).isTrue();
        assertThat(ClusterKeys.none().names()).isEmpty();
    }

    @Test
    void shouldNeverShowASecret() {
        assertThat(Keys.of("a", "b").toString()).isEqualTo("keys a, b; a signs");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ClusterKeys.parse("a b$geheim$"))
                .withMessageNotContaining("geheim");
    }

    static Stream<Arguments> wrong() {
        String names = Keys.line("names", "n");
        return Stream.of(
                Arguments.of("", "no line 'names'"),
                Arguments.of(names, "none for descriptors"),
                Arguments.of(Keys.line("a", "a"), "no line 'names'"),
                Arguments.of(names + "a", "an id and a secret"),
                Arguments.of(names + "a b c", "an id and a secret"),
                Arguments.of(names + "ä " + Keys.line("x", "x").substring(2), "an id is"),
                Arguments.of(names + "a ????", "not in base64"),
                Arguments.of(names + "a YWJj", "has 3 bytes"),
                Arguments.of(names + Keys.line("a", "1") + Keys.line("a", "2"), "a second key 'a'"));
    }

    @ParameterizedTest
    @MethodSource("wrong")
    void shouldSayWhatIsWrong(String text, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> ClusterKeys.parse(text))
                .withMessageContaining(message);
    }

    @Property(tries = 2000)
    void anyTextShouldBeKeysOrAnError(@ForAll String text) {
        try {
            assertThat(ClusterKeys.parse(text).isEmpty()).isFalse();
        } catch (IllegalArgumentException e) {
            assertThat(e.getMessage()).isNotBlank();
        }
    }
}
