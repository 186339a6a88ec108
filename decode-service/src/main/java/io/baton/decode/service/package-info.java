/**
 * The decode worker as a Quarkus application: wiring, start, health and end. The life of a request lives in
 * {@link io.baton.decode.service.leg}, not here.
 */
@NullMarked
package io.baton.decode.service;

import org.jspecify.annotations.NullMarked;
