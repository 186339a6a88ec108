/** Discovery against a real DNS server on loopback. */
@NullMarked
package io.baton.router.discovery;

import org.jspecify.annotations.NullMarked;
