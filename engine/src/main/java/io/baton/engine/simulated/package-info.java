/**
 * An engine without a model: a performance model for time, and hashes for KV rows and tokens, so that a wrong hand-over
 * shows as wrong text. It is for tests and for fleets on one machine, and knows nothing of native code.
 */
@NullMarked
package io.baton.engine.simulated;

import org.jspecify.annotations.NullMarked;
