/** Tests of the package of the same name. Nothing else may live here. */
@NullMarked
package io.baton.router.metrics;

import org.jspecify.annotations.NullMarked;
