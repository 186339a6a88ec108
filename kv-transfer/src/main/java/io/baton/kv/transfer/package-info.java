/**
 * Moves the rows of KV blocks between workers over gRPC: the sender, the receiver, and the framing that both share.
 * What a block is and who may have it is decided in the packages below; no engine is called here.
 */
@NullMarked
package io.baton.kv.transfer;

import org.jspecify.annotations.NullMarked;
