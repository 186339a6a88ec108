/** Tests of the structure of the router. Nothing else may live here. */
@NullMarked
package io.baton.router;

import org.jspecify.annotations.NullMarked;
