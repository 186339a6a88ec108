package io.baton.decode.service.vllm;

import io.baton.decode.v1.DecodeReserve;
import io.baton.decode.v1.DecodeStart;
import org.jspecify.annotations.Nullable;

/**
 * Where a decode leg is. One record per state; a state has a method for each transition that is legal in it and for no
 * other. States are values: nothing here asks or sends.
 *
 * <pre>
 * AwaitingReserve ─reserve→ Receiving ─generate→ AwaitingToken ─firstToken→ Streaming ─→ Ended
 * </pre>
 *
 * <p>Every state can end early: by cancel, failure or the end of the call.
 */
public sealed interface LegState {
    /** Nothing was said yet. */
    record AwaitingReserve() implements LegState {
        Receiving reserve(DecodeReserve request, int[] tokens) {
            return new Receiving(request, tokens, null, 0, null);
        }
    }

    /**
     * The descriptor and Start arrive, in any order.
     *
     * @param tokens of the prompt
     * @param params kv_transfer_params; null until they came
     * @param offeredNanos when they came
     * @param start null until it came
     */
    record Receiving(
            DecodeReserve request,
            int[] tokens,
            byte @Nullable [] params,
            long offeredNanos,
            @Nullable DecodeStart start)
            implements LegState {
        Receiving offer(byte[] offered, long now) {
            return new Receiving(request, tokens, offered, now, start);
        }

        Receiving start(DecodeStart started) {
            return new Receiving(request, tokens, params, offeredNanos, started);
        }

        boolean complete() {
            return params != null && start != null;
        }

        AwaitingToken generate(long now) {
            if (!complete()) {
                throw new IllegalStateException("generation needs Start and the descriptor");
            }
            return new AwaitingToken(tokens.length, offeredNanos, now);
        }
    }

    /**
     * vLLM takes the KV cache over and computes the first token. The parameters are gone from the state: they are used once.
     *
     * @param promptTokens tokens of the prompt
     * @param offeredNanos when the descriptor came
     * @param askedNanos when vLLM was asked
     */
    record AwaitingToken(int promptTokens, long offeredNanos, long askedNanos) implements LegState {
        /** How old the hand-over is, in nanoseconds. */
        long age(long now) {
            return now - offeredNanos;
        }

        Streaming firstToken(long now) {
            return new Streaming(promptTokens, now);
        }
    }

    /**
     * Tokens come.
     *
     * @param promptTokens tokens of the prompt
     * @param firstNanos when the first one came
     */
    record Streaming(int promptTokens, long firstNanos) implements LegState {}

    /** The call is over. */
    record Ended() implements LegState {}
}
