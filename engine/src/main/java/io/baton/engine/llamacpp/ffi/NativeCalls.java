package io.baton.engine.llamacpp.ffi;

/**
 * Calls C functions by address. One method per C signature: pointers and {@code size_t} are {@code long}, {@code int32_t},
 * enums and {@code bool} are {@code int} (a returned {@code bool} has undefined upper bits, see {@link #bool}), structs by
 * value are the address of their bytes.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread; what the called function allows is another matter.
 */
public interface NativeCalls {
    /** The implementation for this runtime. */
    static NativeCalls platform() {
        return CurrentCalls.get();
    }

    /**
     * Opens a shared library and those that it needs, for the life of the process.
     *
     * @param path file name; with directory, or without one for the dynamic linker to find
     * @return a handle, never 0
     * @throws NativeLinkException if the dynamic linker refuses, with its reason
     */
    long open(String path);

    /** Address of a symbol of a library or of those that it needs; 0 if there is none. */
    long symbol(long library, String name);

    /** A C {@code bool} that was returned as {@code int}. */
    static boolean bool(int returned) {
        return (returned & 0xff) != 0;
    }

    /** {@code void f(void)}. */
    void callVoid(long f);

    /** {@code void f(void *)}. */
    void callVoid(long f, long a);

    /** {@code void f(void *, void *)}. */
    void callVoid(long f, long a, long b);

    /** {@code void f(void *, int)}. */
    void callVoid(long f, long a, int b);

    /** {@code void f(void *, int, int, int, int)}. */
    void callVoid(long f, long a, int b, int c, int d, int e);

    /** {@code int f(void)}. */
    int callInt(long f);

    /** {@code int f(void *)}. */
    int callInt(long f, long a);

    /** {@code int f(void *, int)}. */
    int callInt(long f, long a, int b);

    /** {@code int f(void *, int, int, int)}. */
    int callInt(long f, long a, int b, int c, int d);

    /** {@code int f(void *, void *, void *, size_t)}. */
    int callInt(long f, long a, long b, long c, long d);

    /** {@code int f(void *, int, void *, int, int, int)}. */
    int callInt(long f, long a, int b, long c, int d, int e, int g);

    /** {@code int f(void *, void *, int, void *, int, int, int)}. */
    int callInt(long f, long a, long b, int c, long d, int e, int g, int h);

    /** {@code void *f(void)}. */
    long callLong(long f);

    /** {@code void *f(void *)}. */
    long callLong(long f, long a);

    /** {@code void *f(void *, void *)}. */
    long callLong(long f, long a, long b);

    /** {@code void *f(void *, int)}. */
    long callLong(long f, long a, int b);

    /** {@code size_t f(void *, int, int)}. */
    long callLong(long f, long a, int b, int c);

    /** {@code size_t f(void *, void *, size_t, int, int)}. */
    long callLong(long f, long a, long b, long c, int d, int e);

    /**
     * {@code struct f(void)} for a struct of {@code size} bytes, over 16, that has no floating-point-only layout of its own.
     *
     * @param target where its bytes go
     * @param size 80 or 160
     */
    void callStruct(long f, long target, int size);

    /**
     * {@code void *f(void *, struct)}.
     *
     * @param struct address of the bytes that are passed by value
     * @param size 80 or 160
     */
    long callLongWithStruct(long f, long a, long struct, int size);

    /**
     * {@code int f(void *, struct)}.
     *
     * @param struct address of the bytes that are passed by value
     * @param size 56
     */
    int callIntWithStruct(long f, long a, long struct, int size);
}
