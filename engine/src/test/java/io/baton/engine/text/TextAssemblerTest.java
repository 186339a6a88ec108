package io.baton.engine.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.inference.v1.Completion;
import io.baton.inference.v1.FinishReason;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class TextAssemblerTest {
    private static final int WORD = 5;
    private static final int END = 2;

    private static StopRules rules(int maxTokens, int minTokens, String... stop) {
        return new StopRules(maxTokens, minTokens, List.of(stop), Set.of(END));
    }

    private static byte[] bytes(String s) {
        return s.getBytes(StandardCharsets.UTF_8);
    }

    private static Completion completion(TextAssembler.@Nullable Delta delta) {
        if (delta == null || delta.completion() == null) {
            throw new AssertionError("the generation has not ended");
        }
        return delta.completion();
    }

    /** Text of all deltas up to the end, and the last delta. */
    private record Result(String text, TextAssembler.@Nullable Delta last) {}

    private static Result run(TextAssembler assembler, List<byte[]> pieces) {
        StringBuilder text = new StringBuilder();
        TextAssembler.Delta last = null;
        for (byte[] piece : pieces) {
            last = assembler.append(WORD, piece);
            text.append(last.text());
            if (last.completion() != null) {
                return new Result(text.toString(), last);
            }
        }
        last = assembler.finish();
        return new Result(text + last.text(), last);
    }

    @Test
    void shouldHoldBackAnUnfinishedCharacter() {
        TextAssembler a = new TextAssembler(rules(100, 0));
        assertThat(a.append(WORD, new byte[] {'x', (byte) 0xc3}).text()).isEqualTo("x");
        assertThat(a.append(WORD, new byte[] {(byte) 0xa9}).text()).isEqualTo("é");
    }

    @Test
    void shouldHoldBackWhatMayBecomeAStopString() {
        TextAssembler a = new TextAssembler(rules(100, 0, "STOP"));
        assertThat(a.append(WORD, bytes("abST")).text()).isEqualTo("ab");
        assertThat(a.append(WORD, bytes("Sx")).text()).isEqualTo("STSx");
        assertThat(a.append(WORD, bytes("yST")).text()).isEqualTo("y");
        // When
        TextAssembler.Delta end = a.append(WORD, bytes("OP and more"));
        // Then
        assertThat(end.text()).isEmpty();
        assertThat(completion(end).getReason()).isEqualTo(FinishReason.FINISH_REASON_STOP);
        assertThat(completion(end).getStopString()).isEqualTo("STOP");
        assertThat(completion(end).hasStopTokenId()).isFalse();
        assertThat(completion(end).getCompletionTokens()).isEqualTo(4);
        assertThat(a.ended()).isTrue();
    }

    @Test
    void shouldTakeTheStopStringThatEndsFirstAndThenTheLongest() {
        assertThat(run(new TextAssembler(rules(100, 0, "abcdef", "cd")), List.of(bytes("xabcdefg")))
                        .text())
                .isEqualTo("xab");
        Result longest = run(new TextAssembler(rules(100, 0, "d", "bcd")), List.of(bytes("xabcd")));
        assertThat(longest.text()).isEqualTo("xa");
        assertThat(completion(longest.last()).getStopString()).isEqualTo("bcd");
    }

    @Test
    void shouldGiveHeldBackTextAtTheEnd() {
        // Given
        TextAssembler a = new TextAssembler(rules(2, 0, "STOP"));
        a.append(WORD, bytes("abST"));
        // When max_tokens is reached
        TextAssembler.Delta end = a.append(WORD, bytes("O"));
        // Then
        assertThat(end.text()).isEqualTo("STO");
        assertThat(completion(end).getReason()).isEqualTo(FinishReason.FINISH_REASON_LENGTH);
        assertThat(completion(end).getCompletionTokens()).isEqualTo(2);
    }

    @Test
    void shouldEndAtAStopTokenWithoutItsText() {
        TextAssembler a = new TextAssembler(rules(100, 0, "STOP"));
        a.append(WORD, bytes("aST"));
        TextAssembler.Delta end = a.append(END, bytes("</s>"));
        assertThat(end.text()).isEqualTo("ST");
        assertThat(completion(end).getReason()).isEqualTo(FinishReason.FINISH_REASON_STOP);
        assertThat(completion(end).getStopTokenId()).isEqualTo(END);
        assertThat(completion(end).getCompletionTokens()).isEqualTo(2);
        assertThatThrownBy(() -> a.append(WORD, bytes("x"))).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(a::finish).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void shouldPreferTheStopTokenOverTheLimitOfTokens() {
        TextAssembler a = new TextAssembler(rules(1, 0));
        assertThat(completion(a.append(END, bytes(""))).getReason()).isEqualTo(FinishReason.FINISH_REASON_STOP);
    }

    @Test
    void shouldNotStopWithinMinTokens() {
        // Given min_tokens of 2
        TextAssembler a = new TextAssembler(rules(100, 2, "STOP"));
        // Then neither token nor string counts within them
        assertThat(a.append(END, bytes("")).completion()).isNull();
        TextAssembler.Delta within = a.append(WORD, bytes("xSTOPy ST"));
        assertThat(within.completion()).isNull();
        assertThat(within.text()).isEqualTo("xSTOPy ");
        // and a string that ends in the third does
        assertThat(completion(a.append(WORD, bytes("OP"))).getStopString()).isEqualTo("STOP");
    }

    @Test
    void shouldReplaceAnUnfinishedCharacterAtTheEnd() {
        TextAssembler a = new TextAssembler(rules(100, 0));
        a.append(WORD, new byte[] {(byte) 0xe2, (byte) 0x82});
        assertThat(a.finish().text()).isEqualTo("\ufffd");
    }

    @Provide
    Arbitrary<String> texts() {
        return Arbitraries.strings().withChars("abcé€\n ".toCharArray()).ofMaxLength(40);
    }

    @Provide
    Arbitrary<List<String>> stops() {
        return Arbitraries.strings()
                .withChars("abc€".toCharArray())
                .ofMinLength(1)
                .ofMaxLength(4)
                .list()
                .ofMaxSize(3);
    }

    /** The definition: cut before the match that ends first; of those that end there, before the longest. */
    private static String specification(String text, List<String> stops) {
        for (int end = 1; end <= text.length(); end++) {
            int longest = 0;
            for (String s : stops) {
                if (text.startsWith(s, end - s.length())) {
                    longest = Math.max(longest, s.length());
                }
            }
            if (longest > 0) {
                return text.substring(0, end - longest);
            }
        }
        return text;
    }

    @Property(tries = 3000)
    void shouldGiveTheSameTextHoweverItIsCutIntoTokens(
            @ForAll("texts") String text,
            @ForAll("stops") List<String> stops,
            @ForAll @IntRange(min = 1, max = 7) int step) {
        // Given
        byte[] all = bytes(text);
        List<byte[]> pieces = new ArrayList<>();
        for (int at = 0; at < all.length; at += step) {
            pieces.add(java.util.Arrays.copyOfRange(all, at, Math.min(all.length, at + step)));
        }
        StopRules rules = new StopRules(1000, 0, stops, Set.of());
        // When
        Result result = run(new TextAssembler(rules), pieces);
        // Then
        assertThat(result.text()).isEqualTo(specification(text, stops));
    }
}
