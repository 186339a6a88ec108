package io.baton.cli.k8s;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Every rule holds of every overlay. */
class OverlaysTest {
    static Stream<Arguments> pairs() {
        return Stream.of(Overlay.values()).flatMap(o -> Stream.of(Rule.values()).map(r -> Arguments.of(o, r)));
    }

    @ParameterizedTest
    @MethodSource("pairs")
    void shouldHold(Overlay overlay, Rule rule) {
        assertThat(rule.problems(Kustomize.build(overlay), overlay)).isEmpty();
    }
}
