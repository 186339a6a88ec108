/** Tests of the package. What several packages' tests share lies in {@code io.baton.kv}. */
@NullMarked
package io.baton.kv.lease;

import org.jspecify.annotations.NullMarked;
