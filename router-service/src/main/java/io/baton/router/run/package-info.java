/**
 * The one place that carries out what the states of a request say: it opens legs, sends, sets timers and writes to the
 * client. What should follow from an event is not decided here.
 */
@NullMarked
package io.baton.router.run;

import org.jspecify.annotations.NullMarked;
