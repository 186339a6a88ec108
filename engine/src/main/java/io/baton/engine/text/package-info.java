/**
 * From tokens to what a client is sent: UTF-8 assembly, stop strings, limits, and the replay that lets a stream move
 * between workers. Nothing here computes or chooses a token, and nothing knows an engine's implementation.
 */
@NullMarked
package io.baton.engine.text;

import org.jspecify.annotations.NullMarked;
