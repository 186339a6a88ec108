/** Tests of the simulated fleet. They run in virtual time. */
@NullMarked
package io.baton.cli.bench.goodput;

import org.jspecify.annotations.NullMarked;
