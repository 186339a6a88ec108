package io.baton.engine.llamacpp.ffi;

import java.nio.charset.StandardCharsets;
import org.graalvm.nativeimage.Platform;
import org.graalvm.nativeimage.UnmanagedMemory;
import org.graalvm.nativeimage.c.function.CFunction;
import org.graalvm.nativeimage.c.type.CCharPointer;
import org.graalvm.nativeimage.c.type.CTypeConversion;
import org.graalvm.word.Pointer;
import org.graalvm.word.PointerBase;
import org.graalvm.word.UnsignedWord;
import org.graalvm.word.WordFactory;

/**
 * {@link NativeCalls} in a native image: the dynamic linker's own functions, and C function pointers. The library is chosen
 * when the process runs, as on a JVM.
 *
 * <p><em>Thread-safety:</em> safe. Libraries stay open until the process ends.
 */
final class ImageCalls implements NativeCalls {
    static final ImageCalls INSTANCE = new ImageCalls();

    /** {@code RTLD_LAZY}, with the symbols kept from other libraries: what java.lang.foreign does. */
    private static final int LAZY = 1;

    private static final int WORD = Long.BYTES;

    private final Aarch64StructReturn aarch64 = new Aarch64StructReturn();

    private ImageCalls() {}

    @CFunction("dlopen")
    private static native PointerBase dlopen(CCharPointer path, int flags);

    @CFunction("dlsym")
    private static native PointerBase dlsym(PointerBase library, CCharPointer name);

    @CFunction("dlerror")
    private static native CCharPointer dlerror();

    @Override
    public long open(String path) {
        try (var name = CTypeConversion.toCBytes(cString(path))) {
            PointerBase library = dlopen(name.get(), LAZY);
            if (library.isNull()) {
                CCharPointer reason = dlerror();
                throw new NativeLinkException(
                        reason.isNull() ? path + " cannot be opened" : CTypeConversion.toJavaString(reason), null);
            }
            return library.rawValue();
        }
    }

    @Override
    public long symbol(long library, String name) {
        try (var symbol = CTypeConversion.toCBytes(cString(name))) {
            PointerBase handle = WordFactory.pointer(library);
            return dlsym(handle, symbol.get()).rawValue();
        }
    }

    private static byte[] cString(String text) {
        return (text + "\0").getBytes(StandardCharsets.UTF_8);
    }

    private static long checked(long f) {
        if (f == 0) {
            throw new IllegalArgumentException("call of a C function at address 0");
        }
        return f;
    }

    @Override
    public void callVoid(long f) {
        Signatures.V function = WordFactory.pointer(checked(f));
        function.call();
    }

    @Override
    public void callVoid(long f, long a) {
        Signatures.VP function = WordFactory.pointer(checked(f));
        function.call(a);
    }

    @Override
    public void callVoid(long f, long a, long b) {
        Signatures.VPP function = WordFactory.pointer(checked(f));
        function.call(a, b);
    }

    @Override
    public void callVoid(long f, long a, int b) {
        Signatures.VPI function = WordFactory.pointer(checked(f));
        function.call(a, b);
    }

    @Override
    public void callVoid(long f, long a, int b, int c, int d, int e) {
        Signatures.VPIIII function = WordFactory.pointer(checked(f));
        function.call(a, b, c, d, e);
    }

    @Override
    public int callInt(long f) {
        Signatures.I function = WordFactory.pointer(checked(f));
        return function.call();
    }

    @Override
    public int callInt(long f, long a) {
        Signatures.IP function = WordFactory.pointer(checked(f));
        return function.call(a);
    }

    @Override
    public int callInt(long f, long a, int b) {
        Signatures.IPI function = WordFactory.pointer(checked(f));
        return function.call(a, b);
    }

    @Override
    public int callInt(long f, long a, int b, int c, int d) {
        Signatures.IPIII function = WordFactory.pointer(checked(f));
        return function.call(a, b, c, d);
    }

    @Override
    public int callInt(long f, long a, long b, long c, long d) {
        Signatures.IPPPP function = WordFactory.pointer(checked(f));
        return function.call(a, b, c, d);
    }

    @Override
    public int callInt(long f, long a, int b, long c, int d, int e, int g) {
        Signatures.IPIPIII function = WordFactory.pointer(checked(f));
        return function.call(a, b, c, d, e, g);
    }

    @Override
    public int callInt(long f, long a, long b, int c, long d, int e, int g, int h) {
        Signatures.IPPIPIII function = WordFactory.pointer(checked(f));
        return function.call(a, b, c, d, e, g, h);
    }

    @Override
    public long callLong(long f) {
        Signatures.L function = WordFactory.pointer(checked(f));
        return function.call();
    }

    @Override
    public long callLong(long f, long a) {
        Signatures.LP function = WordFactory.pointer(checked(f));
        return function.call(a);
    }

    @Override
    public long callLong(long f, long a, long b) {
        Signatures.LPP function = WordFactory.pointer(checked(f));
        return function.call(a, b);
    }

    @Override
    public long callLong(long f, long a, int b) {
        Signatures.LPI function = WordFactory.pointer(checked(f));
        return function.call(a, b);
    }

    @Override
    public long callLong(long f, long a, int b, int c) {
        Signatures.LPII function = WordFactory.pointer(checked(f));
        return function.call(a, b, c);
    }

    @Override
    public long callLong(long f, long a, long b, long c, int d, int e) {
        Signatures.LPPPII function = WordFactory.pointer(checked(f));
        return function.call(a, b, c, d, e);
    }

    @Override
    public void callStruct(long f, long target, int size) {
        if (Platform.includedIn(Platform.AARCH64.class)) {
            aarch64.call(f, target);
        } else {
            // x86-64: the address of the result is a hidden first argument.
            callLong(f, target);
        }
    }

    @Override
    public long callLongWithStruct(long f, long a, long struct, int size) {
        if (Platform.includedIn(Platform.AARCH64.class)) {
            long copy = copyOf(struct, size);
            try {
                return callLong(f, a, copy);
            } finally {
                free(copy);
            }
        }
        if (size == 80) {
            Signatures.LPS80 function = WordFactory.pointer(checked(f));
            return function.call(
                    a,
                    0,
                    0,
                    0,
                    0,
                    0,
                    word(struct, 0),
                    word(struct, 1),
                    word(struct, 2),
                    word(struct, 3),
                    word(struct, 4),
                    word(struct, 5),
                    word(struct, 6),
                    word(struct, 7),
                    word(struct, 8),
                    word(struct, 9));
        }
        if (size == 160) {
            Signatures.LPS160 function = WordFactory.pointer(checked(f));
            return function.call(
                    a,
                    0,
                    0,
                    0,
                    0,
                    0,
                    word(struct, 0),
                    word(struct, 1),
                    word(struct, 2),
                    word(struct, 3),
                    word(struct, 4),
                    word(struct, 5),
                    word(struct, 6),
                    word(struct, 7),
                    word(struct, 8),
                    word(struct, 9),
                    word(struct, 10),
                    word(struct, 11),
                    word(struct, 12),
                    word(struct, 13),
                    word(struct, 14),
                    word(struct, 15),
                    word(struct, 16),
                    word(struct, 17),
                    word(struct, 18),
                    word(struct, 19));
        }
        throw unknownSize(size);
    }

    @Override
    public int callIntWithStruct(long f, long a, long struct, int size) {
        if (size != 56) {
            throw unknownSize(size);
        }
        if (Platform.includedIn(Platform.AARCH64.class)) {
            long copy = copyOf(struct, size);
            try {
                Signatures.IPP function = WordFactory.pointer(checked(f));
                return function.call(a, copy);
            } finally {
                free(copy);
            }
        }
        Signatures.IPS56 function = WordFactory.pointer(checked(f));
        return function.call(
                a,
                0,
                0,
                0,
                0,
                0,
                word(struct, 0),
                word(struct, 1),
                word(struct, 2),
                word(struct, 3),
                word(struct, 4),
                word(struct, 5),
                word(struct, 6));
    }

    private static IllegalArgumentException unknownSize(int size) {
        return new IllegalArgumentException("no C signature has a struct of " + size + " bytes here");
    }

    private static long word(long struct, int index) {
        Pointer words = WordFactory.pointer(struct);
        return words.readLong(index * WORD);
    }

    /** aarch64 passes a struct of over 16 bytes as the address of a copy that belongs to the callee (AAPCS64, B.4). */
    private static long copyOf(long struct, int size) {
        UnsignedWord bytes = WordFactory.unsigned(size);
        Pointer copy = UnmanagedMemory.malloc(bytes);
        for (int i = 0; i < size / WORD; i++) {
            copy.writeLong(i * WORD, word(struct, i));
        }
        return copy.rawValue();
    }

    private static void free(long copy) {
        PointerBase memory = WordFactory.pointer(copy);
        UnmanagedMemory.free(memory);
    }
}
