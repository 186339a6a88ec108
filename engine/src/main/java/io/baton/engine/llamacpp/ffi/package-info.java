/**
 * The one place where C functions are called: opening a library, finding a symbol, calling it. Nothing here knows what
 * libllama is, and nothing outside uses {@link java.lang.foreign.Linker}, so that another way of calling C (a native
 * image's) replaces this package alone.
 */
@NullMarked
package io.baton.engine.llamacpp.ffi;

import org.jspecify.annotations.NullMarked;
