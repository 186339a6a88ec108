/** Scripted workers for tests: real gRPC servers that check strictly what they are sent. No test may live here. */
@NullMarked
package io.baton.router.fake;

import org.jspecify.annotations.NullMarked;
