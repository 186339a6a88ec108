package io.baton.engine.llamacpp.ffi;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Large pieces of native memory that nobody has touched. {@link Arena#allocate} clears what it gives, so that all of it is
 * paid for at once (64 MiB of memory that the system has never given before took 185 ms on a core that an engine needed);
 * from here a page is paid for when it is first used.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class SystemMemory {
    /** The C library that libllama needs, too; without it there is no such memory. */
    private static final String LIBRARY = "libc.so.6";

    private SystemMemory() {}

    /**
     * Memory with undefined contents.
     *
     * @param bytes its size, a multiple of {@code alignment}
     * @param alignment a power of two, at least 8
     * @param arena whose closing frees it
     * @throws OutOfMemoryError if the system has none
     */
    public static MemorySegment allocate(long bytes, long alignment, Arena arena) {
        if (alignment < 8 || Long.bitCount(alignment) != 1 || bytes <= 0 || bytes % alignment != 0) {
            throw new IllegalArgumentException(bytes + " bytes cannot be aligned to " + alignment);
        }
        NativeCalls calls = NativeCalls.platform();
        long library;
        try {
            library = calls.open(LIBRARY);
        } catch (NativeLinkException e) {
            // Not Linux with glibc: nothing is lost but time.
            return arena.allocate(bytes, alignment);
        }
        long free = calls.symbol(library, "free");
        long address = calls.callLong(calls.symbol(library, "aligned_alloc"), alignment, bytes);
        if (address == 0) {
            throw new OutOfMemoryError("the system has no " + bytes + " bytes of native memory");
        }
        return MemorySegment.ofAddress(address).reinterpret(bytes, arena, s -> calls.callVoid(free, s.address()));
    }
}
