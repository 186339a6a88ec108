package io.baton.router.request;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class NamesTest {
    private static final String TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    @ParameterizedTest
    @ValueSource(strings = {"", "a b", "a\nb", "é", "\u0000", "\u007f"})
    void shouldRefuseNamesThatMayNotBeLogged(String name) {
        assertThat(Names.isValid(name)).isFalse();
    }

    @Test
    void shouldLimitTheLength() {
        assertThat(Names.isValid("x".repeat(128))).isTrue();
        assertThat(Names.isValid("x".repeat(129))).isFalse();
    }

    @Test
    void shouldMakeNamesUniqueWithinTheLimit() {
        String longest = "x".repeat(128);
        assertThat(Names.unique(longest)).hasSizeLessThanOrEqualTo(128).isNotEqualTo(Names.unique(longest));
        assertThat(Names.unique("mine")).startsWith("mine~").isNotEqualTo(Names.unique("mine"));
        assertThat(Names.random()).hasSize(32).isNotEqualTo(Names.random());
    }

    @Test
    void shouldTakeAValidTraceContext() {
        assertThat(Names.traceparent(TRACE)).isEqualTo(TRACE);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
                "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\nX: y"
            })
    void shouldGoOnWithoutAnInvalidTraceContext(String header) {
        assertThat(Names.traceparent(header)).isNull();
    }
}
