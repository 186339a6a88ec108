package io.baton.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import org.junit.jupiter.api.Test;

class StartFailureTest {
    @Test
    void shouldTellTheSettingThatIsWrongHoweverDeepItIs() {
        Throwable failure = new RuntimeException(
                "Failed to start quarkus",
                new IllegalStateException(new SettingException("baton.kv.block-size", 0, "must be at least 1")));
        assertThat(StartFailure.sentence(failure)).isEqualTo("setting baton.kv.block-size=0: must be at least 1");
    }

    @Test
    void shouldTellWhatTheEngineSays() {
        Throwable failure =
                new RuntimeException("x", new BatonException(ErrorCode.ENGINE_FAILED, "no such model file"));
        assertThat(StartFailure.sentence(failure)).isEqualTo("no such model file");
    }

    @Test
    void shouldTellTheFirstCauseOfAnythingElse() {
        Throwable failure = new RuntimeException("x", new IllegalStateException("deep"));
        assertThat(StartFailure.sentence(failure))
                .contains("IllegalStateException")
                .contains("deep");
    }

    @Test
    void shouldShowTheStackOfADefectOnly() {
        Throwable hidden = BatonException.from(new IllegalStateException("deep"));
        assertThat(StartFailure.isDefect(new RuntimeException("x", hidden))).isTrue();
        assertThat(StartFailure.isDefect(new RuntimeException("x"))).isTrue();
        assertThat(StartFailure.isDefect(new BatonException(ErrorCode.ENGINE_FAILED, "no such model file")))
                .isFalse();
        assertThat(StartFailure.isDefect(new SettingException("baton.kv.block-size", 0, "must be at least 1")))
                .isFalse();
    }
}
