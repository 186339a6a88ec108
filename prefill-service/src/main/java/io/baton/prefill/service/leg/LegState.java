package io.baton.prefill.service.leg;

import io.baton.prefill.v1.PrefillFinished;
import io.baton.worker.prompt.PromptRequest;
import io.baton.worker.prompt.TokenizedPrompt;

/**
 * Where a prefill leg is. One record per state; a state has a method for each transition that is legal in it and for no
 * other. States are values: nothing here sends, computes or holds memory.
 *
 * <pre>
 * AwaitingStart ─start→ Preparing ─prepared→ AwaitingGo ─go→ Computing ─finish→ Draining ─→ Ended
 * </pre>
 *
 * <p>Every state can end early: by cancel, failure or the end of the call.
 */
public sealed interface LegState {
    /** Nothing was said yet. */
    record AwaitingStart() implements LegState {
        Preparing start(PromptRequest request) {
            return new Preparing(request);
        }
    }

    /** The prompt is being tokenised, then cells are being reserved. */
    record Preparing(PromptRequest request) implements LegState {
        AwaitingGo prepared(TokenizedPrompt prompt, int cachedBlocks) {
            return new AwaitingGo(request, prompt, cachedBlocks);
        }
    }

    /** Cells are reserved; nothing is computed before the router says Go. */
    record AwaitingGo(PromptRequest request, TokenizedPrompt prompt, int cachedBlocks) implements LegState {
        Computing go(String receiver, int blockSize, long now) {
            int toDescribe = receiver.isEmpty() ? 0 : prompt.blocks(blockSize);
            return new Computing(request, prompt, cachedBlocks * blockSize, toDescribe, now, 0, 0, -1, false);
        }
    }

    /**
     * Computing, and handing out blocks.
     *
     * @param cachedTokens prompt tokens that come from the prefix cache
     * @param undescribed blocks that the router has not been told of yet
     * @param goNanos when Go came
     * @param startedNanos when the first chunk began; 0 before
     * @param firstTokenNanos when the first token was chosen; 0 before
     * @param computedTokens prompt tokens computed, known when the engine has finished; −1 before
     * @param halfClosed whether the router has nothing more to say
     */
    record Computing(
            PromptRequest request,
            TokenizedPrompt prompt,
            int cachedTokens,
            int undescribed,
            long goNanos,
            long startedNanos,
            long firstTokenNanos,
            int computedTokens,
            boolean halfClosed)
            implements LegState {
        Computing started(long now) {
            return new Computing(
                    request,
                    prompt,
                    cachedTokens,
                    undescribed,
                    goNanos,
                    now,
                    firstTokenNanos,
                    computedTokens,
                    halfClosed);
        }

        Computing firstToken(long now) {
            return new Computing(
                    request, prompt, cachedTokens, undescribed, goNanos, startedNanos, now, computedTokens, halfClosed);
        }

        /** The router was told of so many more blocks. */
        Computing described(int blocks) {
            return new Computing(
                    request,
                    prompt,
                    cachedTokens,
                    undescribed - blocks,
                    goNanos,
                    startedNanos,
                    firstTokenNanos,
                    computedTokens,
                    halfClosed);
        }

        Computing computed(int tokens) {
            return new Computing(
                    request,
                    prompt,
                    cachedTokens,
                    undescribed,
                    goNanos,
                    startedNanos,
                    firstTokenNanos,
                    tokens,
                    halfClosed);
        }

        Computing halfClose() {
            return new Computing(
                    request,
                    prompt,
                    cachedTokens,
                    undescribed,
                    goNanos,
                    startedNanos,
                    firstTokenNanos,
                    computedTokens,
                    true);
        }

        /** Whether the engine has finished and every block has been described. */
        boolean complete() {
            return computedTokens >= 0 && undescribed == 0;
        }

        /** Waited in the engine's queue, in nanoseconds. */
        long queueNanos() {
            return startedNanos - goNanos;
        }

        /** From the first chunk to the first token, in nanoseconds. */
        long prefillNanos() {
            return firstTokenNanos - startedNanos;
        }

        PrefillFinished summary() {
            return PrefillFinished.newBuilder()
                    .setQueueUs(queueNanos() / 1000)
                    .setPrefillUs(prefillNanos() / 1000)
                    .setComputedTokens(computedTokens)
                    .setCachedTokens(cachedTokens)
                    .build();
        }

        Draining finish() {
            if (!complete()) {
                throw new IllegalStateException("a leg finishes when it has computed and described everything: "
                        + undescribed + " blocks left");
            }
            return new Draining(request, halfClosed);
        }
    }

    /** Everything was told; blocks may still be pinned, and the router may still have something to say. */
    record Draining(PromptRequest request, boolean halfClosed) implements LegState {
        Draining halfClose() {
            return new Draining(request, true);
        }

        /** Whether the call can be completed once {@code drained} says that no block is pinned. */
        boolean over(boolean drained) {
            return halfClosed && drained;
        }
    }

    /** The call is over. What the leg held is released, or is being released. */
    record Ended() implements LegState {}
}
