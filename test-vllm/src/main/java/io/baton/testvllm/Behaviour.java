package io.baton.testvllm;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How a server behaves.
 *
 * @param model name of the model, as served
 * @param root what was loaded
 * @param maxModelLen most tokens of prompt and output
 * @param blocks KV blocks of 16 tokens
 * @param lease how long a prefilled prompt waits for its reader
 * @param recompute kv_load_failure_policy: true for "recompute", false for "fail"
 *     ({@code vllm-project/vllm:docs/features/nixl_connector_usage.md}, "KV Load Failure Policy")
 * @param trustful reads the named blocks whether or not they are still kept for the request, as versions with
 *     {@code vllm-project/vllm} issue 52234 do
 * @param prefillTime of any prompt, and before a KV cache is read
 * @param tokenTime between two tokens
 * @param apiKey {@code --api-key}; null for none
 * @param details {@code --enable-prompt-tokens-details}
 */
public record Behaviour(
        String model,
        String root,
        int maxModelLen,
        int blocks,
        Duration lease,
        boolean recompute,
        boolean trustful,
        Duration prefillTime,
        Duration tokenTime,
        @Nullable String apiKey,
        boolean details) {

    /** Quick, strict, with vLLM's own default of the policy. */
    public static Behaviour usual() {
        return new Behaviour(
                "toy",
                "/models/toy",
                4096,
                4096,
                Duration.ofSeconds(30),
                false,
                false,
                Duration.ZERO,
                Duration.ZERO,
                null,
                true);
    }

    /** With another policy. */
    public Behaviour recomputing() {
        return new Behaviour(
                model, root, maxModelLen, blocks, lease, true, trustful, prefillTime, tokenTime, apiKey, details);
    }

    /** With another lease, and whether stale ids are read all the same. */
    public Behaviour leasing(Duration time, boolean trust) {
        return new Behaviour(
                model, root, maxModelLen, blocks, time, recompute, trust, prefillTime, tokenTime, apiKey, details);
    }

    /** With other memory; counts from the next start. */
    public Behaviour withBlocks(int kvBlocks) {
        return new Behaviour(
                model,
                root,
                maxModelLen,
                kvBlocks,
                lease,
                recompute,
                trustful,
                prefillTime,
                tokenTime,
                apiKey,
                details);
    }

    /** With other times. */
    public Behaviour taking(Duration prefill, Duration token) {
        return new Behaviour(
                model, root, maxModelLen, blocks, lease, recompute, trustful, prefill, token, apiKey, details);
    }

    /** With a key. */
    public Behaviour withKey(String key) {
        return new Behaviour(
                model, root, maxModelLen, blocks, lease, recompute, trustful, prefillTime, tokenTime, key, details);
    }

    /** With another model. */
    public Behaviour serving(String name, String path) {
        return new Behaviour(
                name, path, maxModelLen, blocks, lease, recompute, trustful, prefillTime, tokenTime, apiKey, details);
    }
}
