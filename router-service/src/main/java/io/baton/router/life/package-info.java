/**
 * The life of a request as pure states: an event in, the next state and a list of actions out. No I/O, no clock, no
 * thread and no logging may live here.
 */
@NullMarked
package io.baton.router.life;

import org.jspecify.annotations.NullMarked;
