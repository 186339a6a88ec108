/**
 * Tests of io.baton.engine.simulated, written as its specification. They start no native code and read no file outside the
 * project.
 */
@NullMarked
package io.baton.engine.simulated;

import org.jspecify.annotations.NullMarked;
