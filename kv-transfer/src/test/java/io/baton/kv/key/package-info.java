/** Tests of the cluster's keys. */
@NullMarked
package io.baton.kv.key;

import org.jspecify.annotations.NullMarked;
