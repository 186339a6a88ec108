package io.baton.router.http;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.baton.inference.v1.TokenLogprob;
import io.baton.inference.v1.TopLogprob;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Test;

class LogprobsJsonTest {
    private static final ByteString HALF = ByteString.copyFrom(new byte[] {(byte) 0xe2, (byte) 0x80});

    private static TokenLogprob token(ByteString text, float logprob) {
        return TokenLogprob.newBuilder()
                .setToken(text)
                .setLogprob(logprob)
                .addTop(TopLogprob.newBuilder().setToken(text).setLogprob(logprob))
                .addTop(TopLogprob.newBuilder().setToken(text).setLogprob(-8))
                .build();
    }

    private static String write(LogprobsJson logprobs, TokenLogprob... tokens) {
        return JsonOut.plain(json -> {
                    json.writeStartObject();
                    logprobs.write(json, List.of(tokens));
                    json.writeEndObject();
                })
                .toString(StandardCharsets.UTF_8);
    }

    @Test
    void shouldWriteTheShapeOfChats() {
        assertThat(write(new LogprobsJson(ApiKind.CHAT), token(ByteString.copyFromUtf8("é"), -0.5f)))
                .isEqualTo("{\"logprobs\":{\"content\":[{\"token\":\"é\",\"logprob\":-0.5,\"bytes\":[195,169],"
                        + "\"top_logprobs\":[{\"token\":\"é\",\"logprob\":-0.5,\"bytes\":[195,169]},"
                        + "{\"token\":\"é\",\"logprob\":-8.0,\"bytes\":[195,169]}]}]}}");
    }

    @Test
    void shouldWriteTheShapeOfCompletionsAndCountTheText() {
        // Given
        LogprobsJson logprobs = new LogprobsJson(ApiKind.COMPLETION);
        // When
        String first = write(logprobs, token(ByteString.copyFromUtf8("ab"), -0.5f));
        String second = write(logprobs, token(HALF, Float.NEGATIVE_INFINITY));
        // Then
        assertThat(first)
                .isEqualTo("{\"logprobs\":{\"tokens\":[\"ab\"],\"token_logprobs\":[-0.5],"
                        + "\"top_logprobs\":[{\"ab\":-0.5}],\"text_offset\":[0]}}");
        assertThat(second)
                .isEqualTo("{\"logprobs\":{\"tokens\":[\"bytes:\\\\xe2\\\\x80\"],\"token_logprobs\":[-9999.0],"
                        + "\"top_logprobs\":[{\"bytes:\\\\xe2\\\\x80\":-9999.0}],\"text_offset\":[2]}}");
    }
}
