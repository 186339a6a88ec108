package io.baton.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AttemptsTest {
    private final Attempts attempts = new Attempts();
    private final List<BatonException> ended = new ArrayList<>();

    private Attempts.Attempt begin(String tenant, String requestId, int number) {
        return attempts.begin(tenant, requestId, number, ended::add);
    }

    @Test
    void shouldEndTheOlderAttemptWhenANewerOneComes() {
        // Given
        var _ = begin("", "a", 1);

        // When
        var _ = begin("", "a", 3);

        // Then
        assertThat(ended).singleElement().satisfies(e -> {
            assertThat(e.code()).isEqualTo(ErrorCode.CANCELLED);
            assertThat(e).hasMessage("superseded by attempt 3");
        });
        assertThat(attempts.running()).isEqualTo(1);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldRefuseAnAttemptThatIsNoNewerThanTheRunningOne(int number) {
        // Given
        var _ = begin("", "a", 2);

        // Then
        assertThatThrownBy(() -> begin("", "a", number))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION))
                .hasMessageContaining("attempt " + number)
                .hasMessageContaining("attempt 2 runs");
        assertThat(ended).isEmpty();
        assertThat(attempts.running()).isEqualTo(1);
    }

    @Test
    void shouldTellRequestsAndTenantsApart() {
        // When
        var _ = begin("", "a", 1);
        var _ = begin("", "b", 2);
        var _ = begin("other", "a", 3);

        // Then
        assertThat(ended).isEmpty();
        assertThat(attempts.running()).isEqualTo(3);
    }

    @Test
    void shouldKeepTheNewerAttemptWhenTheOlderOneEnds() {
        // Given
        Attempts.Attempt older = begin("", "a", 1);
        Attempts.Attempt newer = begin("", "a", 2);

        // When
        older.close();

        // Then
        assertThat(attempts.running()).isEqualTo(1);
        newer.close();
        newer.close();
        assertThat(attempts.running()).isZero();
        begin("", "a", 1).close();
    }

    @Test
    void shouldLeaveOneAttemptWhenManyComeAtOnce() throws InterruptedException {
        // Given
        int most = 64;
        Queue<Integer> begun = new ConcurrentLinkedQueue<>();
        Queue<Integer> superseded = new ConcurrentLinkedQueue<>();
        List<Thread> threads = new ArrayList<>();

        // When
        for (int i = 1; i <= most; i++) {
            int number = i;
            threads.add(Thread.startVirtualThread(() -> {
                try {
                    var _ = attempts.begin("", "a", number, _ -> superseded.add(number));
                    begun.add(number);
                } catch (BatonException refused) {
                    assertThat(number).isLessThan(most);
                }
            }));
        }
        for (Thread t : threads) {
            t.join();
        }

        // Then every one that began has been superseded, but the highest
        assertThat(attempts.running()).isEqualTo(1);
        begun.remove(most);
        assertThat(superseded).containsExactlyInAnyOrderElementsOf(begun);
    }
}
