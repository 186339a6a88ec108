package io.baton.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class MemorySizeTest {
    @ParameterizedTest
    @CsvSource({
        "0, 0",
        "1023, 1023",
        "1K, 1024",
        "256k, 262144",
        "8M, 8388608",
        "8MiB, 8388608",
        "1 G, 1073741824",
        "2T, 2199023255552"
    })
    void shouldReadBytesAndUnits(String text, long bytes) {
        assertThat(MemorySize.of(text).bytes()).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "M", "-1", "1.5G", "1P", "8 apples", "99999999999999999999", "9999999999999T"})
    void shouldRefuseAnythingElse(String text) {
        assertThatThrownBy(() -> MemorySize.of(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'" + text + "'");
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "1023", "1K", "256K", "8M", "1G", "1025", "2T"})
    void shouldWriteWhatItReads(String text) {
        assertThat(MemorySize.of(text)).hasToString(text);
    }

    @Test
    void shouldRefuseMoreThanAnIntWhereAnIntIsNeeded() {
        assertThatThrownBy(() -> MemorySize.of("4G").intBytes()).isInstanceOf(ArithmeticException.class);
    }
}
