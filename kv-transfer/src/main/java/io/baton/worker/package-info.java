/**
 * What prefill and decode workers share: their settings, identity, life cycle, gRPC server, the Watch stream and the
 * metrics that mean the same in both. Nothing here knows of prefill or decode legs, or of Quarkus.
 */
@NullMarked
package io.baton.worker;

import org.jspecify.annotations.NullMarked;
