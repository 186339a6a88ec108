package io.baton.router.http;

import com.fasterxml.jackson.core.JsonGenerator;
import io.baton.inference.v1.Completion;
import io.baton.inference.v1.FinishReason;
import io.baton.inference.v1.Timing;
import io.baton.inference.v1.Usage;
import java.io.IOException;
import java.util.List;

/**
 * Writes usage, timing and the reason of the end.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class ReportJson {
    private ReportJson() {}

    /** The usage of a whole request: each prompt counts once, however many choices it has. */
    static Usage total(List<Usage> choices, int perPrompt) {
        Usage.Builder total = Usage.newBuilder();
        for (int i = 0; i < choices.size(); i++) {
            Usage usage = choices.get(i);
            total.setCompletionTokens(total.getCompletionTokens() + usage.getCompletionTokens());
            if (i % perPrompt == 0) {
                total.setPromptTokens(total.getPromptTokens() + usage.getPromptTokens())
                        .setPrefillCachedTokens(total.getPrefillCachedTokens() + usage.getPrefillCachedTokens())
                        .setDecodeCachedTokens(total.getDecodeCachedTokens() + usage.getDecodeCachedTokens());
            }
        }
        return total.build();
    }

    static void usage(JsonGenerator json, Usage usage) throws IOException {
        json.writeObjectFieldStart("usage");
        json.writeNumberField("prompt_tokens", usage.getPromptTokens());
        json.writeNumberField("completion_tokens", usage.getCompletionTokens());
        json.writeNumberField("total_tokens", usage.getPromptTokens() + usage.getCompletionTokens());
        json.writeObjectFieldStart("prompt_tokens_details");
        json.writeNumberField("cached_tokens", usage.getPrefillCachedTokens());
        json.writeEndObject();
        json.writeNumberField("decode_cached_tokens", usage.getDecodeCachedTokens());
        json.writeEndObject();
    }

    static void timing(JsonGenerator json, Timing timing) throws IOException {
        json.writeObjectFieldStart("timing");
        json.writeNumberField("queue_us", timing.getQueueUs());
        json.writeNumberField("tokenize_us", timing.getTokenizeUs());
        json.writeNumberField("prefill_us", timing.getPrefillUs());
        json.writeNumberField("first_token_us", timing.getFirstTokenUs());
        json.writeNumberField("kv_bytes", timing.getKvBytes());
        json.writeNumberField("blocks_pulled", timing.getBlocksPulled());
        json.writeNumberField("blocks_reused", timing.getBlocksReused());
        json.writeNumberField("wire_us", timing.getWireUs());
        json.writeNumberField("last_block_wait_us", timing.getLastBlockWaitUs());
        json.writeNumberField("decode_us", timing.getDecodeUs());
        json.writeNumberField("reserved_us", timing.getReservedUs());
        json.writeNumberField("first_block_landed_us", timing.getFirstBlockLandedUs());
        json.writeNumberField("last_block_landed_us", timing.getLastBlockLandedUs());
        json.writeNumberField("prefill_finished_us", timing.getPrefillFinishedUs());
        json.writeNumberField("second_token_us", timing.getSecondTokenUs());
        json.writeNumberField("total_us", timing.getTotalUs());
        json.writeNumberField("prefill_computed_tokens", timing.getPrefillComputedTokens());
        json.writeNumberField("decode_computed_tokens", timing.getDecodeComputedTokens());
        json.writeStringField("prefill_worker", timing.getPrefillWorker());
        json.writeStringField("decode_worker", timing.getDecodeWorker());
        json.writeEndObject();
    }

    /** finish_reason, and what stopped it as vLLM's stop_reason: a string, a token id, or null. */
    static void end(JsonGenerator json, Completion completion) throws IOException {
        json.writeStringField(
                "finish_reason", completion.getReason() == FinishReason.FINISH_REASON_LENGTH ? "length" : "stop");
        if (completion.hasStopString()) {
            json.writeStringField("stop_reason", completion.getStopString());
        } else if (completion.hasStopTokenId()) {
            json.writeNumberField("stop_reason", completion.getStopTokenId());
        } else {
            json.writeNullField("stop_reason");
        }
    }
}
