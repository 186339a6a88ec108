/**
 * Choosing tokens: the sampler, its random numbers and the checked way from a request's parameters to {@link
 * io.baton.engine.Sampling}. Nothing here knows an engine, keeps state between two choices or touches text.
 */
@NullMarked
package io.baton.engine.sampling;

import org.jspecify.annotations.NullMarked;
