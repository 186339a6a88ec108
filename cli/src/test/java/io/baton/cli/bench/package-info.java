/** Tests of the benchmarks: that they measure what they say, never how fast it is. */
@NullMarked
package io.baton.cli.bench;

import org.jspecify.annotations.NullMarked;
