package io.baton.engine.llamacpp;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Off-heap memory of one owner that grows when more is asked for; its contents do not survive growth.
 *
 * <p><em>Thread-safety:</em> none; made, used and closed by one thread, which owns it.
 */
final class NativeBuffer implements AutoCloseable {
    private static final AtomicLong LIVE_BYTES = new AtomicLong();

    private Arena arena = Arena.ofConfined();
    private MemorySegment memory = MemorySegment.NULL;

    /** Bytes held by all buffers of the process that are not closed. */
    static long liveBytes() {
        return LIVE_BYTES.get();
    }

    /** Memory of at least {@code bytes}, aligned for any C type. */
    MemorySegment atLeast(long bytes) {
        if (memory.byteSize() < bytes) {
            close();
            arena = Arena.ofConfined();
            memory = arena.allocate(bytes, 64);
            LIVE_BYTES.addAndGet(bytes);
        }
        return memory;
    }

    @Override
    public void close() {
        if (arena.scope().isAlive()) {
            LIVE_BYTES.addAndGet(-memory.byteSize());
            memory = MemorySegment.NULL;
            arena.close();
        }
    }
}
