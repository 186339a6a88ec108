/**
 * Tests of io.baton.engine.sampling, written as its specification. They start no native code and read no file outside the
 * project.
 */
@NullMarked
package io.baton.engine.sampling;

import org.jspecify.annotations.NullMarked;
