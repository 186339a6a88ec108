/**
 * The cluster's keys: reading them, signing and checking KV descriptors, and the secret that block names are made with. Nothing
 * here knows leases, stores or connections.
 */
@NullMarked
package io.baton.kv.key;

import org.jspecify.annotations.NullMarked;
