/** Tests of the commands that need no fleet. Those that start processes live in {@link io.baton.cli.process}. */
@NullMarked
package io.baton.cli;

import org.jspecify.annotations.NullMarked;
