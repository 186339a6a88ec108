package io.baton.router.auth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

@SuppressWarnings("NullAway.Init") // Filled in by the test framework.
class ApiKeyFileTest {
    private static final String KEY_A = "sk-aaaaaaaaaaaaaaaa";
    private static final String KEY_B = "sk-bbbbbbbbbbbbbbbb";

    @TempDir
    Path directory;

    private final List<Boolean> reloads = new ArrayList<>();
    private long changes;

    private Path write(String text) throws IOException {
        Path file = Files.writeString(directory.resolve("keys"), text);
        // Two changes in one tick of the file system's clock look alike.
        Files.setLastModifiedTime(file, FileTime.fromMillis(1_000_000 * ++changes));
        return file;
    }

    private ApiKeyFile open(Path file) {
        return new ApiKeyFile(file, 8, new AuthObserver() {
            @Override
            public void refused(Refusal why) {}

            @Override
            public void reloaded(boolean good) {
                reloads.add(good);
            }
        });
    }

    @Test
    void shouldTakeChangedKeysAndForgetThoseThatAreGone() throws IOException {
        // Given
        ApiKeyFile file = open(write("acme: " + KEY_A));
        // When
        write("acme: " + KEY_B);
        assertThat(file.keys().tenant(KEY_B)).isNull();
        file.look();
        // Then
        assertThat(file.keys().tenant(KEY_B)).isEqualTo("acme");
        assertThat(file.keys().tenant(KEY_A)).isNull();
        assertThat(reloads).containsExactly(true);
        file.look();
        assertThat(reloads).as("nothing has changed").hasSize(1);
    }

    @Test
    void shouldKeepItsKeysWhenTheFileIsWrongOrGoneAndTakeTheNextGoodOnes() throws IOException {
        // Given
        Path path = write("acme: " + KEY_A);
        ApiKeyFile file = open(path);
        // When / Then
        write("nonsense");
        file.look();
        file.look();
        assertThat(reloads).containsExactly(false);
        assertThat(file.keys().tenant(KEY_A)).isEqualTo("acme");
        Files.delete(path);
        file.look();
        file.look();
        assertThat(reloads).containsExactly(false, false);
        assertThat(file.keys().tenant(KEY_A)).isEqualTo("acme");
        write("acme: " + KEY_B);
        file.look();
        assertThat(reloads).containsExactly(false, false, true);
        assertThat(file.keys().tenant(KEY_B)).isEqualTo("acme");
    }

    @Test
    void shouldRefuseToBeginWithAFileThatIsNoGood() throws IOException {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> open(directory.resolve("none")))
                .withMessageContaining("baton.router.api-keys=")
                .withMessageContaining("there is no such file");
        Path wrong = write("acme");
        assertThatIllegalArgumentException().isThrownBy(() -> open(wrong)).withMessageContaining("line 1");
        Path large = write("#".repeat((int) (8 * ApiKeyFile.BYTES_PER_KEY) + 1));
        assertThatIllegalArgumentException().isThrownBy(() -> open(large)).withMessageContaining("at most");
    }
}
