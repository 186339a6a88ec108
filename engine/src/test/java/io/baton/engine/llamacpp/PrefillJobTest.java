package io.baton.engine.llamacpp;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.engine.PrefillListener;
import io.baton.engine.PrefillWork;
import io.baton.engine.SampledToken;
import io.baton.engine.Sampling;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** How a prompt is cut into chunks. */
@SuppressWarnings("NullAway") // A job that is never given to an engine needs no sequence.
class PrefillJobTest {
    private static class Silent implements PrefillListener {
        @Override
        public @Nullable MemorySegment rowsTarget(int begin, int end) {
            return null;
        }

        @Override
        public void onBlock(int begin, int end, MemorySegment rows) {}

        @Override
        public void onFirstToken(SampledToken token) {}

        @Override
        public void onFinished(int computedTokens) {}

        @Override
        public void onFailed(Throwable cause) {}
    }

    private static PrefillJob job(int length, int blockSize) {
        PrefillWork work = new PrefillWork(new int[length], length, blockSize, Sampling.greedy(), null, -1);
        return new PrefillJob(null, work, new Silent(), null);
    }

    private static List<Integer> ends(PrefillJob job, int share) {
        List<Integer> ends = new ArrayList<>();
        for (int at = 0; at < job.wanted(); at = ends.getLast()) {
            job.askAhead(at, share);
            ends.add(job.nextChunkEnd(at, share));
        }
        return ends;
    }

    @Test
    void shouldTakeWholeBlocksWhereTheyFit() {
        assertThat(ends(job(300, 64), 256)).containsExactly(256, 300);
        assertThat(ends(job(300, 64), 100)).containsExactly(64, 128, 192, 256, 300);
    }

    @Test
    void shouldDivideABlockEvenlyWhereItDoesNotFit() {
        assertThat(ends(job(512, 256), 252)).containsExactly(128, 256, 384, 512);
        assertThat(ends(job(256, 256), 85)).containsExactly(64, 128, 192, 256);
    }

    @ParameterizedTest
    @CsvSource({"1,1,1", "7,3,2", "1000,64,17", "1000,256,300", "999,1,5", "513,512,511"})
    void shouldCoverThePromptWithoutCrossingABlockHalfway(int length, int blockSize, int share) {
        int begin = 0;
        for (int end : ends(job(length, blockSize), share)) {
            assertThat(end).isGreaterThan(begin).isLessThanOrEqualTo(begin + share);
            boolean atBoundary = end % blockSize == 0 || end == length;
            boolean withinOneBlock = begin / blockSize == (end - 1) / blockSize;
            assertThat(atBoundary || withinOneBlock).isTrue();
            begin = end;
        }
        assertThat(begin).isEqualTo(length);
    }
}
