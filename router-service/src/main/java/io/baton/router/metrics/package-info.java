/** The meters of the router and their names. What is measured is decided elsewhere. */
@NullMarked
package io.baton.router.metrics;

import org.jspecify.annotations.NullMarked;
