package io.baton.worker.prompt;

import io.baton.engine.EngineLimits;
import io.baton.engine.ModelInfo;
import io.baton.engine.Sampling;
import io.baton.engine.Tokenizer;
import io.baton.engine.Tokenizer.ChatMessage;
import io.baton.engine.sampling.SamplingRequests;
import io.baton.engine.text.StopRules;
import io.baton.engine.text.TokenIds;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.ChatPrompt;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.StopParams;
import io.baton.prefill.v1.Continuation;
import io.baton.prefill.v1.PrefillStart;
import org.jspecify.annotations.Nullable;

/**
 * What a router asked for, checked as far as that is possible before the prompt is tokenised.
 *
 * @param requestId the request's name
 * @param attempt attempt number of the leg, from 1
 * @param tenant whose cache the blocks belong to; empty where there is only one
 * @param prompt what to continue
 * @param sampling how to choose the first token
 * @param stop when the generation ends
 * @param topLogprobs alternatives per token, −1 for no log probabilities
 * @param continuation state of the stream that the leg continues; null for a new one
 * @param pieces hashes of the prompt's pieces, in order
 */
public record PromptRequest(
        String requestId,
        int attempt,
        String tenant,
        Prompt prompt,
        Sampling sampling,
        StopParams stop,
        int topLogprobs,
        @Nullable Continuation continuation,
        long[] pieces) {
    private static final int MAX_NAME = 128;

    /**
     * Checks what can be checked without tokenising.
     *
     * @throws BatonException {@code INVALID_REQUEST}, {@code MODEL_NOT_FOUND} or {@code PROTOCOL_VIOLATION}
     */
    public static PromptRequest of(PrefillStart start, ModelInfo model, long[] pieces) {
        if (start.getRequestId().isEmpty() || start.getRequestId().length() > MAX_NAME) {
            throw invalid("request_id must have 1 to " + MAX_NAME + " characters");
        }
        if (start.getAttempt() < 1) {
            throw new BatonException(
                    ErrorCode.PROTOCOL_VIOLATION, "attempt is " + start.getAttempt() + "; attempts count from 1");
        }
        if (!start.getModel().equals(model.name())) {
            throw new BatonException(
                    ErrorCode.MODEL_NOT_FOUND,
                    "the model '" + start.getModel() + "' is not served here; this worker serves '" + model.name()
                            + "'");
        }
        checkPrompt(start.getPrompt());
        StopRules.check(start.getStop(), model.vocabularySize());
        return new PromptRequest(
                start.getRequestId(),
                start.getAttempt(),
                start.getTenant(),
                start.getPrompt(),
                SamplingRequests.sampling(start.getSampling(), start.getStop(), model),
                start.getStop(),
                SamplingRequests.topLogprobs(start.hasTopLogprobs(), start.getTopLogprobs()),
                start.hasContinuation() ? start.getContinuation() : null,
                pieces);
    }

    private static void checkPrompt(Prompt prompt) {
        switch (prompt.getKindCase()) {
            case TEXT -> require(!prompt.getText().isEmpty(), "the prompt is empty; give it at least one character");
            case TOKEN_IDS ->
                require(!prompt.getTokenIds().isEmpty(), "the prompt is empty; give it at least one token id");
            case CHAT ->
                require(prompt.getChat().getMessagesCount() > 0, "the prompt has no messages; give it at least one");
            case KIND_NOT_SET -> throw invalid("prompt is not set; it is text, token_ids or chat");
        }
    }

    /**
     * Token ids of the prompt, and of what was generated before where the leg continues a stream. May take long: run it
     * on a thread of its own.
     */
    public int[] tokenize(Tokenizer tokenizer, ModelInfo model) {
        int[] tokens = switch (prompt.getKindCase()) {
            case TEXT -> tokenizer.encode(prompt.getText(), true, false);
            case TOKEN_IDS -> TokenIds.decode(prompt.getTokenIds(), model.vocabularySize(), "prompt.token_ids");
            case CHAT -> chat(tokenizer, prompt.getChat());
            case KIND_NOT_SET -> throw invalid("prompt is not set; it is text, token_ids or chat");
        };
        require(tokens.length > 0, "the prompt has no tokens");
        return tokens;
    }

    private static int[] chat(Tokenizer tokenizer, ChatPrompt chat) {
        return tokenizer.encodeChat(
                chat.getMessagesList().stream()
                        .map(m -> new ChatMessage(m.getRole(), m.getContent()))
                        .toList(),
                !chat.hasAddGenerationPrompt() || chat.getAddGenerationPrompt());
    }

    /**
     * The tokens together with the limits that they leave.
     *
     * @throws BatonException {@code CONTEXT_LENGTH_EXCEEDED} if prompt and one token more do not fit,
     *     {@code PROTOCOL_VIOLATION} if the continuation contradicts the tokens
     */
    public TokenizedPrompt tokenized(int[] tokens, long tokenizeNanos, EngineLimits limits) {
        int promptTokens = tokens.length;
        Continuation c = continuation;
        if (c != null) {
            promptTokens = c.getPromptTokens();
            if (promptTokens < 1 || promptTokens > tokens.length) {
                throw new BatonException(
                        ErrorCode.PROTOCOL_VIOLATION,
                        "continuation.prompt_tokens is " + promptTokens + " of " + tokens.length + " token ids");
            }
        }
        int room = limits.maxRequestTokens() - promptTokens;
        if (room < 1 || tokens.length >= limits.maxRequestTokens()) {
            throw new BatonException(
                    ErrorCode.CONTEXT_LENGTH_EXCEEDED,
                    "the prompt has " + tokens.length + " tokens; with at least one token of output, at most "
                            + limits.maxRequestTokens() + " fit. Shorten it.");
        }
        int maxTokens = stop.hasMaxTokens() ? Math.min(stop.getMaxTokens(), room) : room;
        if (tokens.length - promptTokens >= maxTokens) {
            throw new BatonException(
                    ErrorCode.PROTOCOL_VIOLATION,
                    "the stream to continue has " + (tokens.length - promptTokens)
                            + " generated tokens already, as many as max_tokens allows");
        }
        return new TokenizedPrompt(tokens, promptTokens, maxTokens, tokenizeNanos);
    }

    private static void require(boolean ok, String message) {
        if (!ok) {
            throw invalid(message);
        }
    }

    private static BatonException invalid(String message) {
        return new BatonException(ErrorCode.INVALID_REQUEST, message);
    }
}
