/**
 * Identity and description of KV blocks: names, checksums, and the descriptors that travel. No memory is held here and
 * nothing is sent.
 */
@NullMarked
package io.baton.kv.block;

import org.jspecify.annotations.NullMarked;
