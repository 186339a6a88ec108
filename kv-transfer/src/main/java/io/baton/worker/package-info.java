/**
 * What prefill and decode workers share: their settings, identity, life cycle, gRPC server, the Watch stream, the
 * metrics that mean the same in both, and what a leg is whatever its role. Nothing here knows the messages of prefill or
 * decode, or Quarkus.
 */
@NullMarked
package io.baton.worker;

import org.jspecify.annotations.NullMarked;
