package io.baton.cli.bench.goodput;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.cli.bench.goodput.RealFleet.Seen;
import io.baton.cli.launch.LaunchException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;

class CalibrationTest {
    private static final Calibration CALIBRATION =
            new Calibration(List.of(16, 64, 256), 2, 32, 256, 40, List.of(2), 100, List.of(64), 1);
    private static final long MILLI = 1_000_000;

    /** Its first token comes after so many ms; the others follow every ms. */
    private static Seen answer(long due, int tokens, long firstMillis) {
        return new Seen(
                due,
                due,
                LongStream.range(0, tokens)
                        .map(i -> due + (firstMillis + i) * MILLI)
                        .boxed()
                        .toList());
    }

    @Test
    void shouldSayThatStreamsWereOverBeforePromptsCame() {
        // Given: a service whose streams are over at once
        Calibration.Service service =
                (prompt, output, due) -> CompletableFuture.completedFuture(answer(due, output, 5 + prompt));

        // Then
        assertThatThrownBy(() -> CALIBRATION.measure(service, _ -> {}))
                .isInstanceOf(LaunchException.class)
                .hasMessageContaining("too few prompts beside 2 streams");
    }

    @Test
    void shouldSayThatStreamsNeverRanTogether() {
        // Given: a service that begins each stream after the one before it
        long[] calls = {0};
        Calibration.Service service = (prompt, output, due) ->
                CompletableFuture.completedFuture(answer(due, output, output > 2 ? 1000 * calls[0]++ : 5 + prompt));

        // Then
        assertThatThrownBy(() -> CALIBRATION.measure(service, _ -> {}))
                .isInstanceOf(LaunchException.class)
                .hasMessageContaining("too few steps of 2 streams");
    }

    @Test
    void shouldSayThatARequestFailed() {
        Calibration.Service service = (prompt, output, due) ->
                CompletableFuture.failedFuture(new IllegalStateException("the worker is gone"));
        assertThatThrownBy(() -> CALIBRATION.measure(service, _ -> {}))
                .isInstanceOf(LaunchException.class)
                .hasMessageContaining("a request to the fleet failed")
                .hasMessageContaining("the worker is gone");
    }
}
