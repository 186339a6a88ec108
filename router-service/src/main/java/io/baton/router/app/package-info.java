/** Puts the parts of the router together, starts and stops them. Nothing else may live here. */
@NullMarked
package io.baton.router.app;

import org.jspecify.annotations.NullMarked;
