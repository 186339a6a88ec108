package io.baton.router.life;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.TokenOutput;
import io.baton.router.fake.Samples;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class ProgressTest {
    private static Progress after(int tokens) {
        Progress progress = Progress.NONE;
        for (int i = 0; i < tokens; i++) {
            progress = progress.plus(Samples.token(i));
        }
        return progress;
    }

    private static TokenOutput output(int index, int... ids) {
        return TokenOutput.newBuilder()
                .setTokenIds(Samples.ids(ids))
                .setIndex(index)
                .build();
    }

    @Test
    void shouldKeepWhatEachValueHadWhileLaterOnesGrow() {
        // Given
        List<Progress> all = new ArrayList<>(List.of(Progress.NONE));
        // When
        for (int i = 0; i < 100; i++) {
            all.add(all.getLast().plus(Samples.token(i)));
        }
        // Then
        for (int tokens = 0; tokens <= 100; tokens++) {
            assertThat(all.get(tokens).tokens()).isEqualTo(tokens);
            assertThat(all.get(tokens).generated())
                    .isEqualTo(Samples.ids(IntStream.range(100, 100 + tokens).toArray()));
        }
    }

    @Test
    void shouldGrowInTwoWaysFromTheSameValue() {
        // Given
        Progress three = after(3);
        // When
        Progress one = three.plus(output(3, 7)).plus(output(4, 8));
        Progress other = three.plus(output(3, 9, 10, 11));
        // Then
        assertThat(one.generated()).isEqualTo(Samples.ids(100, 101, 102, 7, 8));
        assertThat(other.generated()).isEqualTo(Samples.ids(100, 101, 102, 9, 10, 11));
        assertThat(three.generated()).isEqualTo(Samples.ids(100, 101, 102));
        assertThat(one.generatedButLast()).isEqualTo(Samples.ids(100, 101, 102, 7));
    }

    @Test
    void shouldGrowInTwoWaysFromTextWithoutTokens() {
        // Given
        Progress three = after(3);
        TokenOutput text = TokenOutput.newBuilder().setText("more").setIndex(3).build();
        // When
        Progress one = three.plus(output(3, 7));
        Progress other = three.plus(text).plus(output(3, 8));
        // Then
        assertThat(one.generated()).isEqualTo(Samples.ids(100, 101, 102, 7));
        assertThat(other.generated()).isEqualTo(Samples.ids(100, 101, 102, 8));
        assertThat(other.textBytes()).isEqualTo("t0 t1 t2 more".length());
    }

    @Test
    void shouldTakeNothingFromAnOutputThatItRefuses() {
        // Given
        Progress three = after(3);
        // When
        BatonException gap = catchThrowableOfType(BatonException.class, () -> three.plus(output(4, 7)));
        BatonException half = catchThrowableOfType(
                BatonException.class,
                () -> three.plus(output(3).toBuilder()
                        .setTokenIds(Samples.ids(7).substring(1))
                        .build()));
        // Then
        assertThat(gap.code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
        assertThat(half.code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION);
        assertThat(three.plus(output(3, 8)).generated()).isEqualTo(Samples.ids(100, 101, 102, 8));
    }
}
