package io.baton.router.prefix;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.baton.inference.v1.ChatMessage;
import io.baton.inference.v1.Prompt;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class PieceNamesTest {
    private final PieceNames names = names("secret");

    private static PieceNames names(String secret) {
        return new PieceNames(secret.getBytes(StandardCharsets.UTF_8), 100);
    }

    private static Prompt text(String text) {
        return Prompt.newBuilder().setText(text).build();
    }

    private static Prompt chat(String... contents) {
        Prompt.Builder prompt = Prompt.newBuilder();
        for (String content : contents) {
            prompt.getChatBuilder()
                    .addMessages(ChatMessage.newBuilder().setRole("user").setContent(content));
        }
        return prompt.build();
    }

    private long[] of(Prompt prompt) {
        return names.of("tenant", "model", prompt);
    }

    @Test
    void shouldGiveEqualPrefixesEqualNames() {
        String shared = "long ".repeat(1000);
        long[] one = of(text(shared + "one"));
        long[] two = of(text(shared + "two, which is longer".repeat(100)));
        assertThat(one).hasSize(shared.length() / 1024);
        assertThat(two).startsWith(one);
        assertThat(two.length).isGreaterThan(one.length);
    }

    @Test
    void shouldNameNothingOfAPromptThatFillsNoPiece() {
        assertThat(of(text("short"))).isEmpty();
        assertThat(of(Prompt.getDefaultInstance())).isEmpty();
    }

    @Test
    void shouldContinueAConversationUnderTheSameNames() {
        String first = "first ".repeat(500);
        assertThat(of(chat(first, "answer ".repeat(300), "next"))).startsWith(of(chat(first)));
    }

    @Test
    void shouldTellMessagesApart() {
        String half = "x".repeat(1024);
        assertThat(of(chat(half + half))).isNotEqualTo(of(chat(half, half)));
    }

    @Test
    void shouldShareNothingBetweenTenantsModelsKindsAndSecrets() {
        Prompt prompt = text("x".repeat(1024));
        Prompt ids = Prompt.newBuilder()
                .setTokenIds(ByteString.copyFromUtf8("x".repeat(1024)))
                .build();
        assertThat(new long[] {
                    names.of("tenant", "model", prompt)[0],
                    names.of("other", "model", prompt)[0],
                    names.of("tenant", "other", prompt)[0],
                    names.of("tenantm", "odel", prompt)[0],
                    names.of("tenant", "model", ids)[0],
                    names("another").of("tenant", "model", prompt)[0]
                })
                .doesNotHaveDuplicates();
        assertThat(names("secret").of("tenant", "model", prompt))
                .as("every router names alike")
                .isEqualTo(names.of("tenant", "model", prompt));
    }
}
