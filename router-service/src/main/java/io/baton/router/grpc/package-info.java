/**
 * The gRPC API: messages in and out, flow control, health. How a request is carried out is not known here.
 */
@NullMarked
package io.baton.router.grpc;

import org.jspecify.annotations.NullMarked;
