/**
 * The secrets that sign descriptors and name blocks: how they are read, kept up to date and used. Knows no block, no message
 * and no connection.
 */
@NullMarked
package io.baton.kv.key;

import org.jspecify.annotations.NullMarked;
