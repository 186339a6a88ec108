package io.baton.engine.text;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class Utf8AssemblerTest {
    /** Bytes that are likely to form, break and almost form characters. */
    @Provide
    Arbitrary<byte[]> bytes() {
        byte[] interesting = {
            'a',
            '\n',
            (byte) 0x80,
            (byte) 0xbf,
            (byte) 0xc0,
            (byte) 0xc3,
            (byte) 0xa9,
            (byte) 0xe0,
            (byte) 0xe2,
            (byte) 0x82,
            (byte) 0xac,
            (byte) 0xed,
            (byte) 0xa0,
            (byte) 0x9f,
            (byte) 0xf0,
            (byte) 0x90,
            (byte) 0xf4,
            (byte) 0x8f,
            (byte) 0xf5,
            (byte) 0xff
        };
        return Arbitraries.integers()
                .between(0, interesting.length - 1)
                .map(i -> interesting[i])
                .array(byte[].class)
                .ofMaxSize(24);
    }

    @Property(tries = 5000)
    void shouldGiveWhatTheWholeStringGives(@ForAll("bytes") byte[] all, @ForAll @IntRange(min = 1, max = 5) int step) {
        // Given
        Utf8Assembler assembler = new Utf8Assembler();
        StringBuilder text = new StringBuilder();
        // When
        for (int at = 0; at < all.length; at += step) {
            text.append(assembler.append(Arrays.copyOfRange(all, at, Math.min(all.length, at + step))));
        }
        text.append(assembler.finish());
        // Then
        assertThat(text).hasToString(new String(all, StandardCharsets.UTF_8));
    }

    @Property
    void shouldHoldBackLessThanACharacter(@ForAll @Size(max = 20) String s) {
        Utf8Assembler assembler = new Utf8Assembler();
        int bytes = 0;
        int chars = 0;
        for (byte b : s.getBytes(StandardCharsets.UTF_8)) {
            bytes++;
            chars += assembler.append(new byte[] {b}).getBytes(StandardCharsets.UTF_8).length;
            assertThat(bytes - chars).isLessThan(4);
        }
    }

    @Test
    void shouldMakeOneReplacementOfAnUnfinishedCharacter() {
        Utf8Assembler assembler = new Utf8Assembler();
        assertThat(assembler.append(new byte[] {(byte) 0xf0, (byte) 0x9f, (byte) 0xa6}))
                .isEmpty();
        assertThat(assembler.finish()).isEqualTo("\ufffd");
        assertThat(assembler.finish()).isEmpty();
    }
}
