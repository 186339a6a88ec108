package io.baton.router.life;

import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.SamplingParams;

/**
 * Which streams an engine can continue that takes what was generated elsewhere for a part of its prompt and replays nothing
 * (vLLM, with descriptors of kind NIXL).
 */
final class Continuable {
    private Continuable() {}

    /**
     * Whether its text would be no other than without a move: no penalty counts generated tokens only, no stop string may have
     * begun in text that was held back, and no character is in pieces.
     */
    static boolean byOthers(GenerateRequest request, Progress progress) {
        SamplingParams sampling = request.getSampling();
        return sampling.getPresencePenalty() == 0
                && sampling.getFrequencyPenalty() == 0
                && request.getStop().getStopCount() == 0
                && progress.spoken();
    }
}
