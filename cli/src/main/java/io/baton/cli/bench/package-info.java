/**
 * The benchmarks behind {@code baton bench}: each a command that prints what it compares and how. They measure the code
 * that serves, and contain none of it.
 */
@NullMarked
package io.baton.cli.bench;

import org.jspecify.annotations.NullMarked;
