package io.baton.engine.llamacpp;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;

/**
 * What decides whether the KV cache of a model can be handed over block by block: it must be one plain attention cache
 * whose rows depend on token and position alone.
 *
 * @param architecture {@code general.architecture} of the GGUF
 * @param recurrent whether it keeps a state instead of rows
 * @param hybrid whether some layers do
 * @param diffusion whether it does not generate from left to right
 * @param encoder whether it has an encoder
 * @param decoder whether it has a decoder
 * @param slidingWindow tokens of a sliding attention window; 0 for none
 * @param ropeType {@code enum llama_rope_type}
 * @param keyHeadSize elements of a K head
 * @param valueHeadSize elements of a V head
 */
record ModelTraits(
        String architecture,
        boolean recurrent,
        boolean hybrid,
        boolean diffusion,
        boolean encoder,
        boolean decoder,
        int slidingWindow,
        int ropeType,
        int keyHeadSize,
        int valueHeadSize) {

    private static final int ROPE_MROPE = 8;
    private static final int ROPE_VISION = 24;
    private static final int ROPE_IMROPE = 40;

    /**
     * Refuses a model or a combination that cannot be served, by name and with the reason.
     *
     * @throws BatonException {@code ENGINE_FAILED}
     */
    void check(KvType kvType, boolean flashAttention) {
        if (hybrid) {
            throw refused("it is a hybrid: some layers keep a recurrent state, which is not made of blocks");
        }
        if (recurrent) {
            throw refused("it keeps a recurrent state, which is not made of blocks");
        }
        if (diffusion) {
            throw refused("it is a diffusion model and does not generate from left to right");
        }
        if (encoder || !decoder) {
            throw refused(
                    decoder
                            ? "it is an encoder-decoder model, whose decoder depends on more than its KV cache"
                            : "it is an encoder-only model and generates nothing");
        }
        if (slidingWindow > 0) {
            throw refused("it uses sliding-window attention (" + slidingWindow
                    + " tokens), whose cache forgets rows that a block needs");
        }
        if (ropeType == ROPE_MROPE || ropeType == ROPE_IMROPE || ropeType == ROPE_VISION) {
            throw refused(
                    "it uses multi-dimensional rotary positions (M-RoPE), whose cells carry more than a position");
        }
        if (kvType.quantised() && !flashAttention) {
            throw new BatonException(
                    ErrorCode.ENGINE_FAILED,
                    "a KV cache of type " + kvType + " needs flash attention, because V lies transposed without it;"
                            + " switch flash attention on or choose F16 or F32");
        }
        int block = kvType.blockElements();
        if (keyHeadSize % block != 0 || valueHeadSize % block != 0) {
            throw new BatonException(
                    ErrorCode.ENGINE_FAILED,
                    "a KV cache of type " + kvType + " comes in blocks of " + block + " elements, but the "
                            + architecture
                            + " model has heads of " + keyHeadSize + " (K) and " + valueHeadSize
                            + " (V); choose F16 or F32");
        }
    }

    private BatonException refused(String reason) {
        return new BatonException(
                ErrorCode.ENGINE_FAILED,
                "the " + architecture + " model cannot be served: " + reason
                        + "; Baton serves models with one plain full-attention KV cache");
    }
}
