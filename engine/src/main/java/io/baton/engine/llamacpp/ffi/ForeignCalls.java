package io.baton.engine.llamacpp.ffi;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * {@link NativeCalls} by java.lang.foreign. The handles take the function's address as their first argument, so that one
 * handle serves every function of its signature and the compiler sees it as a constant.
 *
 * <p><em>Thread-safety:</em> safe. Libraries stay open until the process ends.
 */
final class ForeignCalls implements NativeCalls {
    static final ForeignCalls INSTANCE = new ForeignCalls();

    private static final Linker LINKER = Linker.nativeLinker();
    /** A struct of this many words: the C ABIs classify it by size and by its members being integers. */
    private static final MemoryLayout S56 = words(56);

    private static final MemoryLayout S80 = words(80);
    private static final MemoryLayout S160 = words(160);

    private static final MethodHandle V = ofVoid();
    private static final MethodHandle V_P = ofVoid(JAVA_LONG);
    private static final MethodHandle V_PP = ofVoid(JAVA_LONG, JAVA_LONG);
    private static final MethodHandle V_PI = ofVoid(JAVA_LONG, JAVA_INT);
    private static final MethodHandle V_PIIII = ofVoid(JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle I = of(JAVA_INT);
    private static final MethodHandle I_P = of(JAVA_INT, JAVA_LONG);
    private static final MethodHandle I_PI = of(JAVA_INT, JAVA_LONG, JAVA_INT);
    private static final MethodHandle I_PIII = of(JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle I_PPPP = of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle I_PIPIII =
            of(JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle I_PPIPIII =
            of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT);
    private static final MethodHandle L = of(JAVA_LONG);
    private static final MethodHandle L_P = of(JAVA_LONG, JAVA_LONG);
    private static final MethodHandle L_PP = of(JAVA_LONG, JAVA_LONG, JAVA_LONG);
    private static final MethodHandle L_PI = of(JAVA_LONG, JAVA_LONG, JAVA_INT);
    private static final MethodHandle L_PII = of(JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT);
    private static final MethodHandle L_PPPII = of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT);
    private static final MethodHandle S80_ = of(S80);
    private static final MethodHandle S160_ = of(S160);
    private static final MethodHandle L_PS80 = of(JAVA_LONG, JAVA_LONG, S80);
    private static final MethodHandle L_PS160 = of(JAVA_LONG, JAVA_LONG, S160);
    private static final MethodHandle I_PS56 = of(JAVA_INT, JAVA_LONG, S56);

    private final List<SymbolLookup> libraries = new CopyOnWriteArrayList<>();

    private ForeignCalls() {}

    private static MemoryLayout words(int bytes) {
        return MemoryLayout.structLayout(MemoryLayout.sequenceLayout(bytes / 8, JAVA_LONG));
    }

    private static MethodHandle of(MemoryLayout result, MemoryLayout... arguments) {
        return LINKER.downcallHandle(FunctionDescriptor.of(result, arguments));
    }

    private static MethodHandle ofVoid(MemoryLayout... arguments) {
        return LINKER.downcallHandle(FunctionDescriptor.ofVoid(arguments));
    }

    @Override
    public synchronized long open(String path) {
        try {
            SymbolLookup lookup = path.contains("/")
                    ? SymbolLookup.libraryLookup(Path.of(path), Arena.global())
                    : SymbolLookup.libraryLookup(path, Arena.global());
            libraries.add(lookup);
            return libraries.size();
        } catch (IllegalArgumentException e) {
            String reason = e.getMessage() == null ? path + " cannot be opened" : e.getMessage();
            throw new NativeLinkException(reason, e);
        }
    }

    @Override
    public long symbol(long library, String name) {
        return libraries
                .get((int) library - 1)
                .find(name)
                .map(MemorySegment::address)
                .orElse(0L);
    }

    private static MemorySegment at(long f) {
        if (f == 0) {
            throw new IllegalArgumentException("call of a C function at address 0");
        }
        return MemorySegment.ofAddress(f);
    }

    /** A downcall handle throws only what is wrong with its arguments. */
    private static RuntimeException unexpected(Throwable t) {
        if (t instanceof RuntimeException e) {
            return e;
        }
        if (t instanceof Error e) {
            throw e;
        }
        return new IllegalStateException(t);
    }

    @Override
    public void callVoid(long f) {
        try {
            V.invokeExact(at(f));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public void callVoid(long f, long a) {
        try {
            V_P.invokeExact(at(f), a);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public void callVoid(long f, long a, long b) {
        try {
            V_PP.invokeExact(at(f), a, b);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public void callVoid(long f, long a, int b) {
        try {
            V_PI.invokeExact(at(f), a, b);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public void callVoid(long f, long a, int b, int c, int d, int e) {
        try {
            V_PIIII.invokeExact(at(f), a, b, c, d, e);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public int callInt(long f) {
        try {
            return (int) I.invokeExact(at(f));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public int callInt(long f, long a) {
        try {
            return (int) I_P.invokeExact(at(f), a);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public int callInt(long f, long a, int b) {
        try {
            return (int) I_PI.invokeExact(at(f), a, b);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public int callInt(long f, long a, int b, int c, int d) {
        try {
            return (int) I_PIII.invokeExact(at(f), a, b, c, d);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public int callInt(long f, long a, long b, long c, long d) {
        try {
            return (int) I_PPPP.invokeExact(at(f), a, b, c, d);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public int callInt(long f, long a, int b, long c, int d, int e, int g) {
        try {
            return (int) I_PIPIII.invokeExact(at(f), a, b, c, d, e, g);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public int callInt(long f, long a, long b, int c, long d, int e, int g, int h) {
        try {
            return (int) I_PPIPIII.invokeExact(at(f), a, b, c, d, e, g, h);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public long callLong(long f) {
        try {
            return (long) L.invokeExact(at(f));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public long callLong(long f, long a) {
        try {
            return (long) L_P.invokeExact(at(f), a);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public long callLong(long f, long a, long b) {
        try {
            return (long) L_PP.invokeExact(at(f), a, b);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public long callLong(long f, long a, int b) {
        try {
            return (long) L_PI.invokeExact(at(f), a, b);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public long callLong(long f, long a, int b, int c) {
        try {
            return (long) L_PII.invokeExact(at(f), a, b, c);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public long callLong(long f, long a, long b, long c, int d, int e) {
        try {
            return (long) L_PPPII.invokeExact(at(f), a, b, c, d, e);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public void callStruct(long f, long target, int size) {
        // The handle asks for memory of the struct's size and writes it there.
        SegmentAllocator place =
                (bytes, alignment) -> MemorySegment.ofAddress(target).reinterpret(bytes);
        try {
            MemorySegment _ = size == 80
                    ? (MemorySegment) S80_.invokeExact(at(f), place)
                    : (MemorySegment) S160_.invokeExact(at(f), place);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public long callLongWithStruct(long f, long a, long struct, int size) {
        MemorySegment bytes = MemorySegment.ofAddress(struct).reinterpret(size);
        try {
            return size == 80
                    ? (long) L_PS80.invokeExact(at(f), a, bytes)
                    : (long) L_PS160.invokeExact(at(f), a, bytes);
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }

    @Override
    public int callIntWithStruct(long f, long a, long struct, int size) {
        try {
            return (int)
                    I_PS56.invokeExact(at(f), a, MemorySegment.ofAddress(struct).reinterpret(size));
        } catch (Throwable t) {
            throw unexpected(t);
        }
    }
}
