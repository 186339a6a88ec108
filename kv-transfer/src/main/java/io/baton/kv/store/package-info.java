/**
 * The off-heap store of finished KV blocks: who holds a block may read it, and what nobody holds may be evicted. It
 * knows names and bytes; requests, leases and the network stay outside.
 */
@NullMarked
package io.baton.kv.store;

import org.jspecify.annotations.NullMarked;
