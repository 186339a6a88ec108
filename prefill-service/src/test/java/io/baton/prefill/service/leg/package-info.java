/**
 * What a prefill leg promises, told by a scripted router against a worker in this process. No Quarkus here, and no engine
 * but the simulated one.
 */
@NullMarked
package io.baton.prefill.service.leg;

import org.jspecify.annotations.NullMarked;
