/**
 * A client of the HTTP API of a vLLM server: models, health, tokenisation, and the two steps of a prefill/decode hand-over
 * over NIXL ({@code kv_transfer_params}). It knows bodies, streams and errors of that API, and nothing of legs or settings.
 *
 * <p>vLLM is no {@link io.baton.engine.Engine}: it has no KV rows to hand out. JSON is read as trees and written as streams,
 * so that no class is reflected upon.
 */
@NullMarked
package io.baton.engine.vllm;

import org.jspecify.annotations.NullMarked;
