package io.baton.prefill.service.vllm;

import io.baton.prefill.v1.PrefillStart;

/**
 * Where a prefill leg is. One record per state; a state has a method for each transition that is legal in it and for no
 * other. States are values: nothing here asks or sends.
 *
 * <pre>
 * AwaitingStart ─start→ Tokenizing ─tokenized→ AwaitingGo ─go→ Computing ─computed→ HandedOut ─→ Ended
 * </pre>
 *
 * <p>Every state can end early: by cancel, failure or the end of the call.
 */
public sealed interface LegState {
    /** Nothing was said yet. */
    record AwaitingStart() implements LegState {
        Tokenizing start(PrefillStart request) {
            return new Tokenizing(request);
        }
    }

    /** vLLM tokenises the prompt. */
    record Tokenizing(PrefillStart request) implements LegState {
        AwaitingGo tokenized(PromptTokens prompt) {
            return new AwaitingGo(request, prompt);
        }
    }

    /** Nothing is computed before the router says Go. */
    record AwaitingGo(PrefillStart request, PromptTokens prompt) implements LegState {
        Computing go(String receiver, long now) {
            return new Computing(request, prompt, receiver, now, false);
        }
    }

    /**
     * vLLM computes.
     *
     * @param receiver id of the decode worker; empty for a request of one token, which is computed here alone
     * @param goNanos when Go came
     * @param halfClosed whether the router has nothing more to say
     */
    record Computing(PrefillStart request, PromptTokens prompt, String receiver, long goNanos, boolean halfClosed)
            implements LegState {
        boolean alone() {
            return receiver.isEmpty();
        }

        Computing halfClose() {
            return new Computing(request, prompt, receiver, goNanos, true);
        }

        HandedOut computed() {
            return new HandedOut(halfClosed);
        }
    }

    /** Everything was told; vLLM keeps the KV cache until decode has it or its lease runs out. */
    record HandedOut(boolean halfClosed) implements LegState {
        HandedOut halfClose() {
            return new HandedOut(true);
        }
    }

    /** The call is over. */
    record Ended() implements LegState {}
}
