/** Tests of the package. What several packages' tests share lies in {@code io.baton.kv}. */
@NullMarked
package io.baton.kv.store;

import org.jspecify.annotations.NullMarked;
