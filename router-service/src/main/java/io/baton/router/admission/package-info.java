/**
 * Which request goes on and which waits: bounded queues by class, tenant and model, the limits of tenants, and deadlines. Pure:
 * no I/O, no threads and no clock of its own; whoever uses it says what time it is and whether the fleet has room.
 *
 * <p>{@link io.baton.router.admission.Admission} is the entrance.
 */
@NullMarked
package io.baton.router.admission;

import org.jspecify.annotations.NullMarked;
