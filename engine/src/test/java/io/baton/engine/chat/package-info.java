/**
 * Tests of io.baton.engine.chat, written as its specification. They start no native code and read no file outside the
 * project.
 */
@NullMarked
package io.baton.engine.chat;

import org.jspecify.annotations.NullMarked;
