/**
 * Draws what a fleet or a cluster keeps secret: keys of KV blocks, a certificate authority and the services' certificates. It
 * knows no command line and starts nothing.
 */
@NullMarked
package io.baton.cli.keys;

import org.jspecify.annotations.NullMarked;
