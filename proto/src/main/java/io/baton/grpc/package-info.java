/**
 * What every gRPC server of Baton needs and gRPC does not have. Nothing here knows a service.
 */
package io.baton.grpc;
