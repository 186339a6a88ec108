/**
 * The prefill leg of a worker beside a vLLM server: the first step of vLLM's hand-over over NIXL behind the same gRPC service
 * as any prefill worker. Nothing here knows of Quarkus.
 */
@NullMarked
package io.baton.prefill.service.vllm;

import org.jspecify.annotations.NullMarked;
