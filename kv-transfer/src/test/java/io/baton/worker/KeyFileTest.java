package io.baton.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.baton.kv.key.Keys;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class KeyFileTest {
    private static final Duration RELOAD = Duration.ofSeconds(5);
    private static final String NAMES = Keys.line("names", "names");

    @TempDir
    private Path directory;

    private long now;
    private long changes;

    private Path write(String text) throws IOException {
        Path file = Files.writeString(directory.resolve("keys"), text);
        // Two changes in one tick of the file system's clock look alike.
        Files.setLastModifiedTime(file, FileTime.fromMillis(1_000_000 * ++changes));
        return file;
    }

    private KeyFile open(Path file) {
        return new KeyFile(file, RELOAD, () -> now);
    }

    @Test
    void shouldReadTheFileAgainWhenItChanged() throws IOException {
        // Given
        KeyFile keys = open(write(NAMES + Keys.line("a", "a")));
        assertThat(keys.get()).isEqualTo(Keys.of("a"));
        // When
        write(NAMES + Keys.line("b", "b") + Keys.line("a", "a"));
        // Then: not before it is time to look
        assertThat(keys.get()).isEqualTo(Keys.of("a"));
        now = RELOAD.toNanos();
        assertThat(keys.get()).isEqualTo(Keys.of("b", "a"));
    }

    @Test
    void shouldKeepItsKeysWhenTheFileIsWrongOrGoneAndTakeTheNextGoodOnes() throws IOException {
        // Given
        Path file = write(NAMES + Keys.line("a", "a"));
        KeyFile keys = open(file);
        // When / Then
        write("nonsense");
        now += RELOAD.toNanos();
        assertThat(keys.get()).isEqualTo(Keys.of("a"));
        Files.delete(file);
        now += RELOAD.toNanos();
        assertThat(keys.get()).isEqualTo(Keys.of("a"));
        write(NAMES + Keys.line("c", "c"));
        now += RELOAD.toNanos();
        assertThat(keys.get()).isEqualTo(Keys.of("c"));
    }

    @Test
    void shouldNotTakeAnotherSecretOfNamesWhileItRuns() throws IOException {
        // Given
        KeyFile keys = open(write(NAMES + Keys.line("a", "a")));
        // When
        write(Keys.line("names", "others") + Keys.line("b", "b"));
        now = RELOAD.toNanos();
        // Then
        assertThat(keys.get()).isEqualTo(Keys.of("a"));
    }

    @Test
    void shouldSayWhyAFileIsNoGoodAtTheStart() throws IOException {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> open(directory.resolve("none")))
                .withMessageContaining("there is no such file");
        Path wrong = write("a b");
        assertThatIllegalArgumentException().isThrownBy(() -> open(wrong)).withMessageContaining("line 1");
        Path large = write("#".repeat((int) KeyFile.MAX_BYTES + 1));
        assertThatIllegalArgumentException().isThrownBy(() -> open(large)).withMessageContaining("at most");
    }
}
