/** Tests of the package of the same name. Nothing else may live here. */
@NullMarked
package io.baton.router.auth;

import org.jspecify.annotations.NullMarked;
