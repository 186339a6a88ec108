/**
 * The {@link io.baton.engine.Engine} interface: what a worker needs of an inference engine, and the plain values that
 * cross it. Implementations live in the sub-packages and are not named here; nothing here knows of gRPC or Quarkus.
 */
@NullMarked
package io.baton.engine;

import org.jspecify.annotations.NullMarked;
