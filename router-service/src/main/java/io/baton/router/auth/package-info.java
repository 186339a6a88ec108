/**
 * Who a client is: API keys, the file that has them, and the tenant that a key stands for. Nothing here knows a server, and
 * what a tenant may do is decided elsewhere.
 */
@NullMarked
package io.baton.router.auth;

import org.jspecify.annotations.NullMarked;
