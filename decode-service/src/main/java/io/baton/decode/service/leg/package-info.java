/**
 * One decode leg: its checked messages, its states as pure values, and the classes that interpret them against engine,
 * block store, puller and call. Nothing here knows of Quarkus or of a particular engine.
 */
@NullMarked
package io.baton.decode.service.leg;

import org.jspecify.annotations.NullMarked;
