/** Tests of how the parts are put together. */
@NullMarked
package io.baton.router.app;

import org.jspecify.annotations.NullMarked;
