package io.baton.engine.llamacpp.ffi;

import org.graalvm.nativeimage.c.function.CFunctionPointer;
import org.graalvm.nativeimage.c.function.InvokeCFunctionPointer;

/**
 * The C signatures that {@link ImageCalls} calls: V void, I int, L long or pointer, P pointer or {@code size_t}; the result
 * comes first. native-image makes the call out of the declaration; the thread is in native code meanwhile, so a long call
 * holds up no collection.
 */
final class Signatures {
    private Signatures() {}

    interface V extends CFunctionPointer {
        @InvokeCFunctionPointer
        void call();
    }

    interface VP extends CFunctionPointer {
        @InvokeCFunctionPointer
        void call(long a);
    }

    interface VPP extends CFunctionPointer {
        @InvokeCFunctionPointer
        void call(long a, long b);
    }

    interface VPI extends CFunctionPointer {
        @InvokeCFunctionPointer
        void call(long a, int b);
    }

    interface VPIIII extends CFunctionPointer {
        @InvokeCFunctionPointer
        void call(long a, int b, int c, int d, int e);
    }

    interface I extends CFunctionPointer {
        @InvokeCFunctionPointer
        int call();
    }

    interface IP extends CFunctionPointer {
        @InvokeCFunctionPointer
        int call(long a);
    }

    interface IPI extends CFunctionPointer {
        @InvokeCFunctionPointer
        int call(long a, int b);
    }

    interface IPIII extends CFunctionPointer {
        @InvokeCFunctionPointer
        int call(long a, int b, int c, int d);
    }

    interface IPP extends CFunctionPointer {
        @InvokeCFunctionPointer
        int call(long a, long b);
    }

    interface IPPPP extends CFunctionPointer {
        @InvokeCFunctionPointer
        int call(long a, long b, long c, long d);
    }

    interface IPIPIII extends CFunctionPointer {
        @InvokeCFunctionPointer
        int call(long a, int b, long c, int d, int e, int f);
    }

    interface IPPIPIII extends CFunctionPointer {
        @InvokeCFunctionPointer
        int call(long a, long b, int c, long d, int e, int f, int g);
    }

    interface L extends CFunctionPointer {
        @InvokeCFunctionPointer
        long call();
    }

    interface LP extends CFunctionPointer {
        @InvokeCFunctionPointer
        long call(long a);
    }

    interface LPP extends CFunctionPointer {
        @InvokeCFunctionPointer
        long call(long a, long b);
    }

    interface LPI extends CFunctionPointer {
        @InvokeCFunctionPointer
        long call(long a, int b);
    }

    interface LPII extends CFunctionPointer {
        @InvokeCFunctionPointer
        long call(long a, int b, int c);
    }

    interface LPPPII extends CFunctionPointer {
        @InvokeCFunctionPointer
        long call(long a, long b, long c, int d, int e);
    }

    // A struct of over 16 bytes lies on the stack on x86-64 (System V ABI): five words fill the integer registers
    // behind
    // the first argument, so that what follows is passed where the struct's words belong.

    /** {@code int f(void *, struct of 56 bytes)} on x86-64. */
    interface IPS56 extends CFunctionPointer {
        @InvokeCFunctionPointer
        int call(
                long a,
                long rsi,
                long rdx,
                long rcx,
                long r8,
                long r9,
                long w0,
                long w1,
                long w2,
                long w3,
                long w4,
                long w5,
                long w6);
    }

    /** {@code void *f(void *, struct of 80 bytes)} on x86-64. */
    interface LPS80 extends CFunctionPointer {
        @InvokeCFunctionPointer
        long call(
                long a,
                long rsi,
                long rdx,
                long rcx,
                long r8,
                long r9,
                long w0,
                long w1,
                long w2,
                long w3,
                long w4,
                long w5,
                long w6,
                long w7,
                long w8,
                long w9);
    }

    /** {@code void *f(void *, struct of 160 bytes)} on x86-64. */
    interface LPS160 extends CFunctionPointer {
        @InvokeCFunctionPointer
        long call(
                long a,
                long rsi,
                long rdx,
                long rcx,
                long r8,
                long r9,
                long w0,
                long w1,
                long w2,
                long w3,
                long w4,
                long w5,
                long w6,
                long w7,
                long w8,
                long w9,
                long w10,
                long w11,
                long w12,
                long w13,
                long w14,
                long w15,
                long w16,
                long w17,
                long w18,
                long w19);
    }
}
