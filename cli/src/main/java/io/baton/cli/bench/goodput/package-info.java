/**
 * A fleet simulated in virtual time whose router is the product's own {@link io.baton.router.schedule.Scheduler}. No clock,
 * thread or network may live here, and no rule of scheduling either.
 */
@NullMarked
package io.baton.cli.bench.goodput;

import org.jspecify.annotations.NullMarked;
