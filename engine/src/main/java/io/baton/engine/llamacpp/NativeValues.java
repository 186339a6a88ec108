package io.baton.engine.llamacpp;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Single values in native memory, in the machine's byte order, at any alignment. They go through byte buffers: the
 * accessors of a segment are var handles, which not every native image can call.
 *
 * <p><em>Thread-safety:</em> stateless; the segment's own rules hold.
 */
final class NativeValues {
    private NativeValues() {}

    /** A window on at most 2 GiB of a segment; it lives and dies with it. */
    static ByteBuffer view(MemorySegment memory, long at, int bytes) {
        return memory.asSlice(at, bytes).asByteBuffer().order(ByteOrder.nativeOrder());
    }

    static byte getByte(MemorySegment memory, long at) {
        return view(memory, at, Byte.BYTES).get(0);
    }

    static int getInt(MemorySegment memory, long at) {
        return view(memory, at, Integer.BYTES).getInt(0);
    }

    static long getLong(MemorySegment memory, long at) {
        return view(memory, at, Long.BYTES).getLong(0);
    }

    static float getFloat(MemorySegment memory, long at) {
        return view(memory, at, Float.BYTES).getFloat(0);
    }

    static void putByte(MemorySegment memory, long at, byte value) {
        view(memory, at, Byte.BYTES).put(0, value);
    }

    static void putInt(MemorySegment memory, long at, int value) {
        view(memory, at, Integer.BYTES).putInt(0, value);
    }

    static void putLong(MemorySegment memory, long at, long value) {
        view(memory, at, Long.BYTES).putLong(0, value);
    }

    /** A text as C takes it: UTF-8 with a zero byte behind it. */
    static MemorySegment cString(Arena arena, String text) {
        byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
        // An arena's memory is zero.
        MemorySegment memory = arena.allocate(utf8.length + 1L);
        MemorySegment.copy(utf8, 0, memory, JAVA_BYTE, 0, utf8.length);
        return memory;
    }

    /** The text of a C string. */
    static String string(MemorySegment zeroTerminated) {
        ByteBuffer bytes = zeroTerminated.asByteBuffer();
        int length = 0;
        while (bytes.get(length) != 0) {
            length++;
        }
        return StandardCharsets.UTF_8.decode(bytes.slice(0, length)).toString();
    }
}
