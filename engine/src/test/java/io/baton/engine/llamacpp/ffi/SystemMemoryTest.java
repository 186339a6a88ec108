package io.baton.engine.llamacpp.ffi;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class SystemMemoryTest {
    private static final long MIB = 1 << 20;

    @Test
    void shouldGiveMemoryThatCanBeWrittenToItsLastByte() {
        try (Arena arena = Arena.ofConfined()) {
            // When
            MemorySegment memory = SystemMemory.allocate(3 * MIB, 64, arena);
            memory.fill((byte) 0x5a);

            // Then
            assertThat(memory.byteSize()).isEqualTo(3 * MIB);
            assertThat(memory.address() % 64).isZero();
            assertThat(memory.asSlice(3 * MIB - 1).asByteBuffer().get()).isEqualTo((byte) 0x5a);
        }
    }

    @Test
    void shouldTakePagesOnlyWhenTheyAreUsed() throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            // Given
            long before = residentBytes();

            // When
            MemorySegment memory = SystemMemory.allocate(512 * MIB, 64, arena);
            long untouched = residentBytes();
            memory.asSlice(0, 256 * MIB).fill((byte) 1);

            // Then: the heap and the compiler take some memory meanwhile, but not this much
            assertThat(untouched - before).isLessThan(128 * MIB);
            assertThat(residentBytes() - before).isGreaterThan(192 * MIB);
        }
    }

    @Test
    void shouldFreeWhatItGaveWhenTheArenaIsClosed() throws IOException {
        // Given
        MemorySegment memory;
        long before;
        try (Arena arena = Arena.ofConfined()) {
            memory = SystemMemory.allocate(512 * MIB, 64, arena);
            memory.fill((byte) 1);
            before = residentBytes();
        }

        // Then
        assertThat(before - residentBytes()).isGreaterThan(384 * MIB);
        assertThatIllegalStateException().isThrownBy(() -> memory.fill((byte) 2));
    }

    @Test
    void shouldRefuseASizeThatIsNoMultipleOfTheAlignment() {
        assertThatIllegalArgumentException().isThrownBy(() -> SystemMemory.allocate(100, 64, Arena.global()));
        assertThatIllegalArgumentException().isThrownBy(() -> SystemMemory.allocate(0, 64, Arena.global()));
        assertThatIllegalArgumentException().isThrownBy(() -> SystemMemory.allocate(96, 48, Arena.global()));
    }

    /** What this process has in memory, by the kernel's count. */
    private static long residentBytes() throws IOException {
        String pages = Files.readString(Path.of("/proc/self/statm")).split(" ", -1)[1];
        return Long.parseLong(pages) * 4096;
    }
}
