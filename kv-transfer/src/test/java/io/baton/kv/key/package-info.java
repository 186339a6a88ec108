/** Tests of the secrets that sign descriptors and name blocks. */
@NullMarked
package io.baton.kv.key;

import org.jspecify.annotations.NullMarked;
