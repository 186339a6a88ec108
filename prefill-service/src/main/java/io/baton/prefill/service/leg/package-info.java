/**
 * One prefill leg: its checked request, its states as pure values, and the classes that interpret them against engine,
 * block store and call. Nothing here knows of Quarkus or of a particular engine.
 */
@NullMarked
package io.baton.prefill.service.leg;

import org.jspecify.annotations.NullMarked;
