/** Tests of admission. */
@NullMarked
package io.baton.router.admission;

import org.jspecify.annotations.NullMarked;
