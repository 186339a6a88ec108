package io.baton.router.grpc;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnsafeByteOperations;
import io.baton.inference.v1.ChatMessage;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.Prompt;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class PromptInPlaceTest {
    private static final String TEXT = "what the prompt says";

    private static byte[] bytes(Prompt.Builder prompt) {
        return GenerateRequest.newBuilder()
                .setModel("m")
                .setPrompt(prompt)
                .setTopLogprobs(1)
                .build()
                .toByteArray();
    }

    private static byte[] text() {
        return bytes(Prompt.newBuilder().setText(TEXT));
    }

    private static GenerateRequest read(byte[] bytes) throws InvalidProtocolBufferException {
        return PromptInPlace.read(UnsafeByteOperations.unsafeWrap(bytes));
    }

    /** Writes over what the message was read from: a view of it shows that, a copy does not. */
    private static void overwrite(byte[] bytes) {
        String all = new String(bytes, StandardCharsets.ISO_8859_1);
        int at = all.indexOf(TEXT);
        Arrays.fill(bytes, at, at + TEXT.length(), (byte) '-');
    }

    private static final ByteString OVERWRITTEN = ByteString.copyFromUtf8("-".repeat(TEXT.length()));

    @Test
    void shouldLeaveATextWhereItIs() throws InvalidProtocolBufferException {
        // Given
        byte[] bytes = text();
        GenerateRequest request = read(bytes);
        // When
        overwrite(bytes);
        // Then
        assertThat(request.getPrompt().getTextBytes()).isEqualTo(OVERWRITTEN);
        assertThat(request.getModel()).isEqualTo("m");
        assertThat(request.getTopLogprobs()).isEqualTo(1);
    }

    @Test
    void shouldLeaveTokenIdsWhereTheyAre() throws InvalidProtocolBufferException {
        byte[] bytes = bytes(Prompt.newBuilder().setTokenIds(ByteString.copyFromUtf8(TEXT)));
        GenerateRequest request = read(bytes);
        overwrite(bytes);
        assertThat(request.getPrompt().getTokenIds()).isEqualTo(OVERWRITTEN);
    }

    @Test
    void shouldLeaveWhatAConversationSaysWhereItIs() throws InvalidProtocolBufferException {
        Prompt.Builder prompt = Prompt.newBuilder();
        prompt.getChatBuilder()
                .addMessages(ChatMessage.newBuilder().setRole("user").setContent("first"))
                .addMessages(ChatMessage.newBuilder().setRole("user").setContent(TEXT));
        byte[] bytes = bytes(prompt);
        GenerateRequest request = read(bytes);
        overwrite(bytes);
        assertThat(request.getPrompt().getChat().getMessages(1).getContentBytes())
                .isEqualTo(OVERWRITTEN);
        assertThat(request.getPrompt().getChat().getMessages(0).getContent()).isEqualTo("first");
    }

    @Test
    void shouldMergePromptsThatAreGivenTwice() throws InvalidProtocolBufferException {
        GenerateRequest request = read(ByteString.copyFrom(text())
                .concat(ByteString.copyFrom(bytes(Prompt.newBuilder().setTokenIds(ByteString.copyFromUtf8("1234")))))
                .toByteArray());
        assertThat(request.getPrompt().getTokenIds().toStringUtf8()).isEqualTo("1234");
    }

    @Test
    void shouldRefuseTextThatIsNotUtf8() {
        byte[] bytes = text();
        bytes[new String(bytes, StandardCharsets.ISO_8859_1).indexOf(TEXT)] = (byte) 0xff;
        assertThatThrownBy(() -> read(bytes))
                .isInstanceOf(InvalidProtocolBufferException.class)
                .hasMessageContaining("UTF-8");
    }

    @Test
    void shouldRefuseAMessageWithoutItsEnd() {
        byte[] bytes = text();
        for (int length = 4; length < bytes.length - 2; length++) {
            byte[] part = Arrays.copyOf(bytes, length);
            assertThatThrownBy(() -> read(part)).isInstanceOf(InvalidProtocolBufferException.class);
        }
    }

    @Test
    void shouldRefuseGroupsWithoutEndInsteadOfFollowingThem() {
        byte[] deep = new byte[100_000];
        // The beginning of a group of number 20.
        for (int i = 0; i < deep.length; i += 2) {
            deep[i] = (byte) 0xa3;
            deep[i + 1] = 1;
        }
        assertThatThrownBy(() -> read(deep)).isInstanceOf(InvalidProtocolBufferException.class);
    }
}
