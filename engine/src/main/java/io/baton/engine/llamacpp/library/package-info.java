/**
 * Where libllama comes from: a directory that was given, the cache directory, or the npm package, fetched once and checked
 * against its pinned hash. Nothing here opens a library.
 */
@NullMarked
package io.baton.engine.llamacpp.library;

import org.jspecify.annotations.NullMarked;
