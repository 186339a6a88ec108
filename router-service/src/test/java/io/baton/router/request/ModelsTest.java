package io.baton.router.request;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.Model;
import java.util.List;
import org.junit.jupiter.api.Test;

class ModelsTest {
    private static final Model A = Model.newBuilder().setId("a").build();
    private static final Model B = Model.newBuilder().setId("b").build();

    @Test
    void shouldFindTheOnlyModel() {
        assertThat(Models.resolve("", List.of(A))).isEqualTo("a");
        assertThat(Models.resolve("b", List.of(A, B))).isEqualTo("b");
    }

    @Test
    void shouldNotGuessAmongSeveral() {
        // When
        BatonException e = catchThrowableOfType(BatonException.class, () -> Models.resolve("", List.of(A, B)));
        // Then
        assertThat(e.code()).isEqualTo(ErrorCode.INVALID_REQUEST);
        assertThat(e.getMessage()).startsWith("model: ").contains("a, b");
    }

    @Test
    void shouldSayThatNothingIsKnownYet() {
        // When
        BatonException e = catchThrowableOfType(BatonException.class, () -> Models.resolve("a", List.of()));
        // Then
        assertThat(e.code()).isEqualTo(ErrorCode.NO_WORKER);
    }
}
