/**
 * Mutual TLS for a Quarkus service: certificates from Quarkus' TLS registry, and metrics. Only services use it; what it needs of
 * Quarkus and Micrometer, they bring.
 */
@NullMarked
package io.baton.tls.service;

import org.jspecify.annotations.NullMarked;
