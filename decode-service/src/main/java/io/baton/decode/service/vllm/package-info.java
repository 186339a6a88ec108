/**
 * The decode leg of a worker beside a vLLM server: the second step of vLLM's hand-over over NIXL behind the same gRPC service
 * as any decode worker. Nothing here knows of Quarkus.
 */
@NullMarked
package io.baton.decode.service.vllm;

import org.jspecify.annotations.NullMarked;
