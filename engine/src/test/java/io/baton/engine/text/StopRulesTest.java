package io.baton.engine.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.engine.ModelInfo;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.StopParams;
import java.util.Collections;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class StopRulesTest {
    private static final ModelInfo MODEL = new ModelInfo("m", "f", 100, 512, Set.of(2), "simulated");

    static Stream<Arguments> outOfRange() {
        return Stream.of(
                Arguments.of("max_tokens", StopParams.newBuilder().setMaxTokens(0)),
                Arguments.of("max_tokens", StopParams.newBuilder().setMaxTokens(-1)),
                Arguments.of("min_tokens", StopParams.newBuilder().setMinTokens(-1)),
                Arguments.of(
                        "min_tokens", StopParams.newBuilder().setMaxTokens(3).setMinTokens(4)),
                Arguments.of("stop", StopParams.newBuilder().addStop("")),
                Arguments.of("stop", StopParams.newBuilder().addStop("€".repeat(86))),
                Arguments.of("stop", StopParams.newBuilder().addAllStop(Collections.nCopies(17, "x"))),
                Arguments.of("stop_token_ids", StopParams.newBuilder().addStopTokenIds(100)),
                Arguments.of("stop_token_ids", StopParams.newBuilder().addStopTokenIds(-1)),
                Arguments.of("stop_token_ids", StopParams.newBuilder().addAllStopTokenIds(Collections.nCopies(65, 1))));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("outOfRange")
    void shouldNameTheFieldThatIsOutOfRange(String field, StopParams.Builder stop) {
        assertThatThrownBy(() -> StopRules.of(stop.build(), 10, MODEL))
                .hasMessageContaining("stop." + field)
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_REQUEST));
    }

    @Test
    void shouldAddTheModelsEndOfTextUnlessIgnored() {
        StopParams stop = StopParams.newBuilder()
                .addStopTokenIds(9)
                .addStop("€".repeat(85))
                .build();
        assertThat(StopRules.of(stop, 10, MODEL).stopTokens()).containsExactlyInAnyOrder(2, 9);
        assertThat(StopRules.of(stop.toBuilder().setIgnoreEos(true).build(), 10, MODEL)
                        .stopTokens())
                .containsExactly(9);
    }
}
