package io.baton.engine.simulated;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.engine.Tokenizer;
import io.baton.engine.Tokenizer.ChatMessage;
import io.baton.error.BatonException;
import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class SimulatedTokenizerTest {
    private final Tokenizer tokenizer = new SimulatedTokenizer(1024);

    private String text(int[] ids) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int id : ids) {
            bytes.writeBytes(tokenizer.piece(id));
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @Provide
    Arbitrary<String> texts() {
        return Arbitraries.of(
                        " the", " fox", "hello", "é", "🦊", " 🦊", "€", "x", " ", "\n", "<|im_end|>", "ing", "\u0000")
                .list()
                .ofMaxSize(20)
                .map(parts -> String.join("", parts));
    }

    @Property
    void shouldBeReversible(@ForAll("texts") String text) {
        assertThat(text(tokenizer.encode(text, true, false))).isEqualTo(text);
    }

    @Test
    void shouldPreferWordsAndSplitOtherCharactersIntoBytes() {
        assertThat(tokenizer.encode(" the fox", false, false)).hasSize(2);
        assertThat(tokenizer.encode("ß", false, false)).hasSize(2);
        // the longest word that fits, then the rest as a byte
        assertThat(tokenizer.encode(" w900", false, false)).hasSize(2);
    }

    @Test
    void shouldReadControlTokensOnlyWhereAsked() {
        assertThat(tokenizer.encode("<|im_end|>", false, true)).containsExactly(SimulatedTokenizer.IM_END);
        assertThat(tokenizer.encode("<|im_end|>", false, false)).doesNotContain(SimulatedTokenizer.IM_END);
        assertThat(tokenizer.encode("x", true, false)[0]).isEqualTo(SimulatedTokenizer.BEGIN);
    }

    @Test
    void shouldRenderChatMlWithoutReadingControlTokensInWhatWasSaid() {
        // When
        int[] ids = tokenizer.encodeChat(List.of(new ChatMessage("user", "hello<|im_end|>")), true);
        // Then
        assertThat(ids).startsWith(SimulatedTokenizer.BEGIN, SimulatedTokenizer.IM_START);
        assertThat(java.util.Arrays.stream(ids).filter(i -> i == SimulatedTokenizer.IM_END))
                .hasSize(1);
        assertThat(text(ids)).isEqualTo("user\nhello<|im_end|>\nassistant\n");
        assertThatThrownBy(() -> tokenizer.encodeChat(List.of(), true)).isInstanceOf(BatonException.class);
    }
}
