package io.baton.engine.llamacpp.ffi;

import org.graalvm.nativeimage.c.function.CFunction;
import org.graalvm.word.Pointer;
import org.graalvm.word.PointerBase;
import org.graalvm.word.UnsignedWord;
import org.graalvm.word.WordFactory;

/**
 * Calls a function that returns a struct of over 16 bytes on aarch64. There the address of the result travels in register
 * x8 (AAPCS64), which no C signature reaches; two instructions of our own move it there. Untested: no such machine was at
 * hand.
 *
 * <p><em>Thread-safety:</em> safe. The page of the two instructions stays until the process ends.
 */
final class Aarch64StructReturn {
    private static final long PAGE = 65_536;
    private static final int READ_WRITE = 1 | 2;
    private static final int READ_EXECUTE = 1 | 4;
    private static final int PRIVATE_ANONYMOUS = 0x02 | 0x20;
    private static final int MOV_X8_X0 = 0xAA0003E8;
    private static final int BR_X1 = 0xD61F0020;

    private long trampoline;

    @CFunction("mmap")
    private static native Pointer mmap(
            PointerBase address, UnsignedWord length, int protection, int flags, int file, long offset);

    @CFunction("mprotect")
    private static native int mprotect(PointerBase address, UnsignedWord length, int protection);

    /** Calls {@code f} so that its result is written to {@code target}. */
    void call(long f, long target) {
        Signatures.VPP function = WordFactory.pointer(trampoline());
        function.call(target, f);
    }

    private synchronized long trampoline() {
        if (trampoline == 0) {
            UnsignedWord length = WordFactory.unsigned(PAGE);
            Pointer page = mmap(WordFactory.nullPointer(), length, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0);
            if (page.rawValue() == -1) {
                throw new NativeLinkException("no memory for the call of a function that returns a struct", null);
            }
            page.writeInt(0, MOV_X8_X0);
            page.writeInt(Integer.BYTES, BR_X1);
            // The kernel makes the instruction cache see a page that becomes executable.
            if (mprotect(page, length, READ_EXECUTE) != 0) {
                throw new NativeLinkException(
                        "this system lets no memory become executable, which a function that returns a struct needs",
                        null);
            }
            trampoline = page.rawValue();
        }
        return trampoline;
    }
}
