package io.baton.decode.service.leg;

import io.baton.decode.v1.DecodeExtend;
import io.baton.decode.v1.DecodeReserve;
import io.baton.engine.EngineLimits;
import io.baton.engine.ModelInfo;
import io.baton.engine.text.TokenIds;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.worker.prompt.PromptRequest;
import java.util.Arrays;

/**
 * A reservation, checked.
 *
 * @param requestId the request's name
 * @param attempt attempt number of the leg, from 1
 * @param tenant whose cache the blocks belong to; empty where there is only one
 * @param tokens all prompt token ids; of an open-ended reservation, those so far
 * @param cells cells to reserve, at least one more than there are tokens
 * @param blockSize tokens per block
 * @param pieces hashes of the prompt's pieces, in order
 * @param openEnded whether the stream still runs elsewhere and more tokens will follow
 */
public record ReserveRequest(
        String requestId,
        int attempt,
        String tenant,
        int[] tokens,
        int cells,
        int blockSize,
        long[] pieces,
        boolean openEnded) {
    private static final int MAX_NAME = 128;

    /**
     * Checks everything but the layout.
     *
     * @throws BatonException {@code INVALID_REQUEST}, {@code MODEL_NOT_FOUND}, {@code CONTEXT_LENGTH_EXCEEDED},
     *     {@code LAYOUT_MISMATCH} (another block size) or {@code PROTOCOL_VIOLATION}
     */
    public static ReserveRequest of(
            DecodeReserve r, ModelInfo model, EngineLimits limits, int blockSize, long[] pieces) {
        if (r.getRequestId().isEmpty() || r.getRequestId().length() > MAX_NAME) {
            throw new BatonException(
                    ErrorCode.INVALID_REQUEST, "request_id must have 1 to " + MAX_NAME + " characters");
        }
        if (r.getAttempt() < 1) {
            throw violation("attempt is " + r.getAttempt() + "; attempts count from 1");
        }
        if (!r.getModel().equals(model.name())) {
            throw new BatonException(
                    ErrorCode.MODEL_NOT_FOUND,
                    "the model '" + r.getModel() + "' is not served here; this worker serves '" + model.name() + "'");
        }
        if (r.getBlockSize() != blockSize) {
            throw new BatonException(
                    ErrorCode.LAYOUT_MISMATCH,
                    "blocks of " + r.getBlockSize() + " tokens were announced; this worker takes blocks of " + blockSize
                            + ". Set baton.kv.block-size alike on all workers.");
        }
        int[] tokens = TokenIds.decode(r.getTokenIds(), model.vocabularySize(), "token_ids");
        if (tokens.length == 0) {
            throw new BatonException(ErrorCode.INVALID_REQUEST, "token_ids is empty; a prompt has at least one token");
        }
        if (tokens.length >= limits.maxRequestTokens() || r.getCells() > limits.maxRequestTokens()) {
            throw new BatonException(
                    ErrorCode.CONTEXT_LENGTH_EXCEEDED,
                    tokens.length + " tokens of prompt and " + r.getCells() + " cells were asked for; at most "
                            + limits.maxRequestTokens() + " tokens of prompt and output fit");
        }
        if (r.getCells() <= tokens.length) {
            throw violation("cells is " + r.getCells() + "; a prompt of " + tokens.length
                    + " tokens and its output need at least " + (tokens.length + 1));
        }
        return new ReserveRequest(
                r.getRequestId(),
                r.getAttempt(),
                r.getTenant(),
                tokens,
                r.getCells(),
                blockSize,
                pieces,
                r.getOpenEnded());
    }

    /** What a prompt that is computed here reserves. */
    static ReserveRequest of(PromptRequest request, int[] tokens, int cells, int blockSize) {
        return new ReserveRequest(
                request.requestId(),
                request.attempt(),
                request.tenant(),
                tokens,
                cells,
                blockSize,
                request.pieces(),
                false);
    }

    /**
     * The same with all the tokens that it is for.
     *
     * @throws BatonException {@code INVALID_REQUEST} for token ids that are none, {@code PROTOCOL_VIOLATION} if they do not
     *     continue those of the reservation or do not fit its cells
     */
    public ReserveRequest extend(DecodeExtend e, ModelInfo model) {
        int[] all = TokenIds.decode(e.getTokenIds(), model.vocabularySize(), "token_ids");
        if (all.length < tokens.length || !Arrays.equals(tokens, 0, tokens.length, all, 0, tokens.length)) {
            throw violation("token_ids of Extend do not continue those of Reserve");
        }
        if (cells <= all.length) {
            throw violation(all.length + " tokens and their output do not fit the " + cells + " cells of Reserve");
        }
        return new ReserveRequest(requestId, attempt, tenant, all, cells, blockSize, pieces, false);
    }

    /** Blocks that the prompt is cut into; the last one may be shorter. */
    public int blocks() {
        return (tokens.length + blockSize - 1) / blockSize;
    }

    /** First position of block {@code index}. */
    public int begin(int index) {
        return index * blockSize;
    }

    /** One past the last position of block {@code index}. */
    public int end(int index) {
        return Math.min(tokens.length, (index + 1) * blockSize);
    }

    private static BatonException violation(String message) {
        return new BatonException(ErrorCode.PROTOCOL_VIOLATION, message);
    }
}
