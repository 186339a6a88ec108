/**
 * How the services prove to each other who they are: mutual TLS whose certificates carry a role, or plaintext where that is
 * set. Nothing here knows which calls a role may make, nor where certificates come from.
 */
@NullMarked
package io.baton.tls;

import org.jspecify.annotations.NullMarked;
