package io.baton.engine.vllm;

/**
 * What a prefill leaves for decode.
 *
 * @param kvTransferParams the JSON object of kv_transfer_params in UTF-8, byte for byte as vLLM sent it; not copied, not to
 *     be changed
 * @param cachedTokens prompt tokens that came from vLLM's prefix cache; 0 where vLLM does not tell (it does with
 *     {@code --enable-prompt-tokens-details})
 */
public record PrefillResult(byte[] kvTransferParams, int cachedTokens) {}
