/**
 * Tests over real processes: a router, prefill and decode workers as {@code ./baton up} starts them. Nothing here reaches
 * into a service; what is asserted comes from its public API, its metrics or the operating system.
 */
@NullMarked
package io.baton.cli.process;

import org.jspecify.annotations.NullMarked;
