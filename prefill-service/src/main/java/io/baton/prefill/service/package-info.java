/**
 * The prefill worker as a Quarkus application: wiring, start, health and end. The life of a request lives in
 * {@link io.baton.prefill.service.leg}, not here.
 */
@NullMarked
package io.baton.prefill.service;

import org.jspecify.annotations.NullMarked;
