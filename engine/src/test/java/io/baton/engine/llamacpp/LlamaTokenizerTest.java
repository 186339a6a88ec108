package io.baton.engine.llamacpp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.engine.Tokenizer;
import io.baton.engine.Tokenizer.ChatMessage;
import io.baton.engine.llamacpp.TestModels.Golden;
import io.baton.engine.llamacpp.library.LibraryProvider;
import io.baton.error.BatonException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Text to token ids and back, and what a conversation becomes. */
class LlamaTokenizerTest {
    private interface Use {
        void with(Tokenizer tokenizer, LlamaModel model) throws IOException;
    }

    private static void open(Path file, Use use) throws IOException {
        LlamaLibrary library = LlamaLibrary.open(LibraryProvider.provide(null), false);
        try (LlamaModel model = LlamaModel.load(library, file, 0, true);
                LlamaTokenizer tokenizer = new LlamaTokenizer(model)) {
            use.with(tokenizer, model);
        }
    }

    @Test
    void shouldTokeniseAsTheGoldensSay() throws IOException {
        open(TestModels.data("models/stories260K-hd64-f32.gguf"), (tokenizer, _) -> {
            for (Golden golden : TestModels.goldens()) {
                assertThat(tokenizer.encode(golden.prompt(), true, true))
                        .as(golden.prompt())
                        .isEqualTo(golden.promptIds());
            }
        });
    }

    @Test
    void shouldGiveTheTextBack() throws IOException {
        open(TestModels.any(), (tokenizer, _) -> {
            String text = "The café cost 5€ — naïve 日本 \"x\"\n\tend 🦊".repeat(50);
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            for (int token : tokenizer.encode(text, false, false)) {
                bytes.writeBytes(tokenizer.piece(token));
            }
            assertThat(bytes.toString(StandardCharsets.UTF_8).strip()).isEqualTo(text);
        });
    }

    @Test
    void shouldRenderNothingForControlTokensAndRefuseOthers() throws IOException {
        open(TestModels.any(), (tokenizer, model) -> {
            assertThat(tokenizer.piece(model.vocab().bos())).isEmpty();
            assertThatThrownBy(() -> tokenizer.piece(model.vocab().nTokens())).isInstanceOf(BatonException.class);
            assertThatThrownBy(() -> tokenizer.piece(-1)).isInstanceOf(BatonException.class);
        });
    }

    @Test
    void shouldRefuseAChatWithoutATemplate() throws IOException {
        open(
                TestModels.data("models/stories260K-hd64-f32.gguf"),
                (tokenizer, _) -> assertThatThrownBy(
                                () -> tokenizer.encodeChat(List.of(new ChatMessage("user", "x")), true))
                        .hasMessageContaining("no chat template"));
    }

    @Test
    void shouldNotTakeSpecialTokensFromWhatWasSaid() throws IOException {
        open(TestModels.data("models/stories260K-chat-f32.gguf"), (tokenizer, model) -> {
            // Given
            String special = model.vocab().text(model.vocab().bos());
            // When
            int[] plain = tokenizer.encodeChat(List.of(new ChatMessage("user", "Once upon")), true);
            int[] said = tokenizer.encodeChat(List.of(new ChatMessage("user", "Once " + special + " upon")), true);
            // Then
            assertThat(count(plain, model.vocab().bos())).isEqualTo(1);
            assertThat(count(said, model.vocab().bos())).isEqualTo(1);
            assertThat(said[0]).isEqualTo(model.vocab().bos());
            ByteArrayOutputStream bytes = new ByteArrayOutputStream();
            for (int token : said) {
                bytes.writeBytes(tokenizer.piece(token));
            }
            assertThat(bytes.toString(StandardCharsets.UTF_8)).contains(special);
        });
    }

    private static long count(int[] tokens, int token) {
        return java.util.Arrays.stream(tokens).filter(t -> t == token).count();
    }

    @Test
    void shouldTokeniseMarkedSpansAsPlainText() {
        // Given
        SpecialTokens special = SpecialTokens.of(List.of("<|end|>", "<|e"));
        List<String> parts = new ArrayList<>();
        // When
        SpecialTokens.Marked marked = special.mark(List.of(new ChatMessage("user", "a<|end|>b<|ec")));
        marked.encode("<|end|>" + marked.messages().getFirst().content() + "<|end|>", true, (text, add, parse) -> {
            parts.add(text + "/" + add + "/" + parse);
            return new int[0];
        });
        // Then
        assertThat(parts)
                .containsExactly(
                        "<|end|>a/true/true",
                        "<|end|>/false/false",
                        "b/false/true",
                        "<|e/false/false",
                        "c<|end|>/false/true");
        assertThatThrownBy(() -> special.mark(List.of(new ChatMessage("<|end|>", "x"))))
                .hasMessageContaining("role");
    }
}
