package io.baton.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.inference.v1.Completion;
import io.baton.inference.v1.GenerateFinished;
import io.baton.inference.v1.Timing;
import io.baton.inference.v1.Usage;
import org.junit.jupiter.api.Test;

class TimelineTest {
    @Test
    void shouldTellWhatHappenedInOrderOnOneLine() {
        // Given
        GenerateFinished finished = GenerateFinished.newBuilder()
                .setCompletion(Completion.newBuilder().setCompletionTokens(51))
                .setUsage(Usage.newBuilder().setPromptTokens(600).setPrefillCachedTokens(512))
                .setTiming(Timing.newBuilder()
                        .setQueueUs(310)
                        .setPrefillComputedTokens(88)
                        .setPrefillUs(12_040)
                        .setPrefillWorker("prefill-0")
                        .setFirstTokenUs(14_000)
                        .setKvBytes(3 << 19)
                        .setBlocksPulled(1)
                        .setBlocksReused(2)
                        .setSecondTokenUs(16_500)
                        .setDecodeUs(250_000)
                        .setDecodeWorker("decode-0")
                        .setTotalUs(264_000))
                .build();

        // Then
        assertThat(Timeline.line(finished))
                .isEqualTo(
                        "queue 0.3 ms | prefill 88 tokens + 512 cached in 12.0 ms (prefill-0) | first token at 14.0 ms"
                                + " | KV 1.50 MiB, 1 blocks pulled, 2 reused | second token at 16.5 ms"
                                + " | decode 50 tokens at 200/s (decode-0) | total 264 ms");
    }

    @Test
    void shouldLeaveOutWhatDidNotHappen() {
        // Given: a request for one token
        GenerateFinished finished = GenerateFinished.newBuilder()
                .setCompletion(Completion.newBuilder().setCompletionTokens(1))
                .setTiming(Timing.newBuilder().setPrefillComputedTokens(1).setTotalUs(900))
                .build();

        // Then
        assertThat(Timeline.line(finished)).doesNotContain("second token").doesNotContain("decode");
    }

    @Test
    void shouldTellThatDecodeComputedThePromptItself() {
        // Given
        GenerateFinished finished = GenerateFinished.newBuilder()
                .setCompletion(Completion.newBuilder().setCompletionTokens(51))
                .setUsage(Usage.newBuilder().setPromptTokens(30))
                .setTiming(Timing.newBuilder()
                        .setQueueUs(310)
                        .setDecodeComputedTokens(30)
                        .setPrefillUs(12_040)
                        .setFirstTokenUs(14_000)
                        .setSecondTokenUs(16_500)
                        .setDecodeUs(250_000)
                        .setDecodeWorker("decode-0")
                        .setTotalUs(264_000))
                .build();

        // Then
        assertThat(Timeline.line(finished))
                .isEqualTo("queue 0.3 ms | prefill 30 tokens in 12.0 ms (decode-0) | first token at 14.0 ms"
                        + " | second token at 16.5 ms | decode 50 tokens at 200/s (decode-0) | total 264 ms");
    }

    @Test
    void shouldWriteZerosIntoJson() {
        assertThat(Timeline.json(Usage.newBuilder().setPromptTokens(3).build()).toString())
                .isEqualTo("{\"prompt_tokens\":3,\"completion_tokens\":0,\"prefill_cached_tokens\":0,"
                        + "\"decode_cached_tokens\":0}");
    }
}
