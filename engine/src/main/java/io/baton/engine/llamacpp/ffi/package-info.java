/**
 * The one place where C functions are called: opening a library, finding a symbol, calling it. Nothing here knows what
 * libllama is, and nothing outside knows how the calls are made: java.lang.foreign on a JVM, C function pointers in a native
 * image.
 */
@NullMarked
package io.baton.engine.llamacpp.ffi;

import org.jspecify.annotations.NullMarked;
