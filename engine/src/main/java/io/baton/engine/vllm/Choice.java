package io.baton.engine.vllm;

import com.fasterxml.jackson.databind.JsonNode;
import com.google.protobuf.ByteString;
import io.baton.engine.text.TokenIds;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.Completion;
import io.baton.inference.v1.FinishReason;
import io.baton.inference.v1.TokenLogprob;
import io.baton.inference.v1.TokenOutput;
import io.baton.inference.v1.TopLogprob;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What one message of vLLM says of a choice. With {@code return_token_ids} every message has the ids of its own tokens.
 *
 * @param output tokens and text; empty in a message that only ends the choice
 * @param completion how the choice ended; null while it goes on
 */
record Choice(TokenOutput output, @Nullable Completion completion) {

    /**
     * Reads one choice of a message.
     *
     * @param before tokens of the messages before
     * @param lastBefore the last of them; −1 if there is none
     * @param topLogprobs as it was asked for; −1 for no log probabilities
     * @throws BatonException {@code ENGINE_FAILED} if it is not what vLLM documents, {@code WORKER_LOST} if the choice was
     *     broken off
     */
    static Choice of(JsonNode choice, int before, int lastBefore, int topLogprobs) {
        int[] ids = ids(choice.path("token_ids"));
        TokenOutput.Builder output = TokenOutput.newBuilder()
                .setText(choice.path("text").asText(""))
                .setIndex(before)
                .setTokenIds(TokenIds.encode(ids));
        if (topLogprobs >= 0 && ids.length > 0) {
            output.addAllLogprobs(logprobs(choice.path("logprobs"), ids, topLogprobs));
        }
        int last = ids.length == 0 ? lastBefore : ids[ids.length - 1];
        return new Choice(output.build(), completion(choice, before + ids.length, last));
    }

    private static int[] ids(JsonNode list) {
        if (!list.isArray()) {
            throw unexpected(
                    "a choice without token_ids, which return_token_ids asks for (vLLM 0.10.2 or newer has it)");
        }
        int[] ids = new int[list.size()];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = list.get(i).asInt(-1);
            if (ids[i] < 0) {
                throw unexpected("a token id that is none: " + list.get(i));
            }
        }
        return ids;
    }

    private static @Nullable Completion completion(JsonNode choice, int tokens, int last) {
        JsonNode reason = choice.path("finish_reason");
        if (reason.isMissingNode() || reason.isNull()) {
            return null;
        }
        Completion.Builder completion = Completion.newBuilder().setCompletionTokens(tokens);
        switch (reason.asText()) {
            case "length" -> completion.setReason(FinishReason.FINISH_REASON_LENGTH);
            case "stop" -> {
                completion.setReason(FinishReason.FINISH_REASON_STOP);
                JsonNode what = choice.path("stop_reason");
                if (what.isTextual()) {
                    completion.setStopString(what.asText());
                } else if (what.isIntegralNumber()) {
                    completion.setStopTokenId(what.asInt());
                } else if (last >= 0) {
                    // vLLM names no token for its own end of text; it is the last one.
                    completion.setStopTokenId(last);
                }
            }
            case "abort" -> throw new BatonException(ErrorCode.WORKER_LOST, "vLLM aborted the request; send it again");
            default -> throw unexpected("the finish_reason '" + reason.asText() + "'");
        }
        return completion.build();
    }

    private static List<TokenLogprob> logprobs(JsonNode logprobs, int[] ids, int top) {
        JsonNode tokens = logprobs.path("tokens");
        JsonNode values = logprobs.path("token_logprobs");
        JsonNode tops = logprobs.path("top_logprobs");
        if (tokens.size() != ids.length || values.size() != ids.length) {
            throw unexpected("log probabilities of " + tokens.size() + " tokens with " + ids.length + " token ids");
        }
        List<TokenLogprob> all = new ArrayList<>(ids.length);
        for (int i = 0; i < ids.length; i++) {
            String text = tokens.path(i).asText();
            all.add(TokenLogprob.newBuilder()
                    .setTokenId(ids[i])
                    .setLogprob(value(values.path(i)))
                    .setToken(ByteString.copyFromUtf8(text))
                    .addAllTop(top(tops.path(i), text, ids[i], top))
                    .build());
        }
        return all;
    }

    /** vLLM lists the chosen token whether it is among the likeliest or not, and gives the others by their text alone. */
    private static List<TopLogprob> top(JsonNode entries, String chosen, int chosenId, int most) {
        List<TopLogprob> all = new ArrayList<>();
        entries.properties()
                .forEach(e -> all.add(TopLogprob.newBuilder()
                        .setTokenId(e.getKey().equals(chosen) ? chosenId : -1)
                        .setLogprob(value(e.getValue()))
                        .setToken(ByteString.copyFromUtf8(e.getKey()))
                        .build()));
        all.sort(Comparator.comparingDouble(TopLogprob::getLogprob).reversed());
        return all.size() <= most ? all : all.subList(0, most);
    }

    /** vLLM writes −9999 for what JSON cannot say. */
    private static float value(JsonNode number) {
        double value = number.asDouble(Double.NEGATIVE_INFINITY);
        return value <= -9999 ? Float.NEGATIVE_INFINITY : (float) value;
    }

    static BatonException unexpected(String what) {
        return new BatonException(ErrorCode.ENGINE_FAILED, "vLLM sent " + what);
    }
}
