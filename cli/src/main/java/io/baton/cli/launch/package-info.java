/**
 * Starts, watches and stops a fleet of services as processes of this machine, for {@code up}, the benchmarks and the
 * process tests. It prints nothing and knows no command line of its own; progress goes to the caller's consumer.
 */
@NullMarked
package io.baton.cli.launch;

import org.jspecify.annotations.NullMarked;
