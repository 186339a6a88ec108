/**
 * Tests of io.baton.engine.text, written as its specification. They start no native code and read no file outside the
 * project.
 */
@NullMarked
package io.baton.engine.text;

import org.jspecify.annotations.NullMarked;
