package io.baton.engine.llamacpp.ffi;

import com.oracle.svm.core.annotate.Substitute;
import com.oracle.svm.core.annotate.TargetClass;

/** {@link CurrentCalls} in a native image. Read by native-image only; on a JVM nothing ever loads it. */
@TargetClass(CurrentCalls.class)
final class CurrentCallsInImage {
    private CurrentCallsInImage() {}

    @Substitute
    static NativeCalls get() {
        return ImageCalls.INSTANCE;
    }
}
