/**
 * What a holder has promised to whom: leases that pin the blocks of a request until its receiver has acknowledged them.
 * Decides who may read which block; sends nothing itself.
 */
@NullMarked
package io.baton.kv.lease;

import org.jspecify.annotations.NullMarked;
