/**
 * The commands of {@code ./baton}: they parse options, call {@link io.baton.cli.launch} or the router, and print. Nothing
 * here starts a process or reads another process's state by itself.
 */
@NullMarked
package io.baton.cli;

import org.jspecify.annotations.NullMarked;
