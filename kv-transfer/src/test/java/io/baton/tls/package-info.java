/** Tests of mutual TLS. */
@NullMarked
package io.baton.tls;

import org.jspecify.annotations.NullMarked;
