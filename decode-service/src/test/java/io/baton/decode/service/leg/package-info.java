/**
 * What a decode leg promises, told by a scripted router and a scripted holder of blocks against a worker in this process.
 * No Quarkus here, and no engine but the simulated one.
 */
@NullMarked
package io.baton.decode.service.leg;

import org.jspecify.annotations.NullMarked;
