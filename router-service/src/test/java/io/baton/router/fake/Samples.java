package io.baton.router.fake;

import com.google.protobuf.ByteString;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.TokenOutput;
import io.baton.kv.v1.KvLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.stream.IntStream;

/** Values that the fakes and the tests share. */
public final class Samples {
    /** Model of the fakes. */
    public static final String MODEL = "fake-model";
    /** Block size of the fakes. */
    public static final int BLOCK_SIZE = 4;
    /** Layout of the fakes. */
    public static final KvLayout LAYOUT = KvLayout.newBuilder()
            .setModelFingerprint(ByteString.copyFrom(new byte[32]))
            .setKType(1)
            .setVType(1)
            .addKRowBytes(128)
            .addVRowBytes(128)
            .build();

    private Samples() {}

    /** Token ids as they travel. */
    public static ByteString ids(int... ids) {
        ByteBuffer buffer = ByteBuffer.allocate(ids.length * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        for (int id : ids) {
            buffer.putInt(id);
        }
        return ByteString.copyFrom(buffer.flip());
    }

    /** One token of the output. */
    public static TokenOutput token(int index) {
        return TokenOutput.newBuilder()
                .setTokenIds(ids(100 + index))
                .setText("t" + index + " ")
                .setIndex(index)
                .build();
    }

    /** The text of so many tokens. */
    public static String text(int tokens) {
        StringBuilder text = new StringBuilder();
        for (int i = 0; i < tokens; i++) {
            text.append('t').append(i).append(' ');
        }
        return text.toString();
    }

    /** The ids that the fake prefill makes of a prompt: one per byte of its text. */
    public static ByteString tokenise(Prompt prompt) {
        return switch (prompt.getKindCase()) {
            case TOKEN_IDS -> prompt.getTokenIds();
            case TEXT -> bytes(prompt.getText());
            case CHAT -> {
                StringBuilder all = new StringBuilder();
                prompt.getChat().getMessagesList().forEach(m -> all.append(m.getContent()));
                yield bytes(all.toString());
            }
            case KIND_NOT_SET -> ByteString.EMPTY;
        };
    }

    private static ByteString bytes(String text) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        return ids(IntStream.range(0, bytes.length).map(i -> bytes[i] & 0xff).toArray());
    }

    /** A request for so many tokens, with all that the router fills in. */
    public static GenerateRequest request(String prompt, int maxTokens) {
        GenerateRequest.Builder request = GenerateRequest.newBuilder().setModel(MODEL);
        request.getPromptBuilder().setText(prompt);
        request.getSamplingBuilder().setSeed(42);
        request.getStopBuilder().setMaxTokens(maxTokens);
        return request.build();
    }
}
