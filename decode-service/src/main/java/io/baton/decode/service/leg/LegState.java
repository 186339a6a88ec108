package io.baton.decode.service.leg;

import io.baton.kv.v1.KvDescriptor;
import io.baton.worker.prompt.PromptRequest;
import io.baton.worker.prompt.TokenizedPrompt;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Where a decode leg is. One record per state; a state has a method for each transition that is legal in it and for no
 * other. States are values: nothing here sends, pulls, computes or holds memory.
 *
 * <pre>
 * AwaitingReserve ─reserve→ Reserving ─reserved→ Receiving ─decode→ Decoding ─→ Ended
 *                                     ─promised→ Promised ↗            ─give→ Giving ↗
 *                 ─compute→ Preparing ─prepared→ Computing ─firstToken→ Decoding
 * </pre>
 *
 * <p>Promised and Giving are the two sides of a stream that is handed over while it runs: cells that wait for its tokens at
 * the worker that takes it, and its KV cache that waits to be pulled at the worker that gives it.
 *
 * <p>Offers and Start are legal from Reserving on. Every state can end early: by cancel, failure or the end of the call.
 */
public sealed interface LegState {
    /** Nothing was said yet. */
    record AwaitingReserve() implements LegState {
        Reserving reserve(ReserveRequest request) {
            return new Reserving(request, List.of(), null);
        }

        /** The worker is to compute the prompt itself. */
        Preparing compute(PromptRequest request, int outputCells) {
            return new Preparing(request, outputCells);
        }
    }

    /**
     * A prompt that is computed here is being tokenised, then cells are being reserved.
     *
     * @param outputCells most output tokens for which cells are reserved
     */
    record Preparing(PromptRequest request, int outputCells) implements LegState {
        /** Cells that the prompt and its output need. */
        int cells(TokenizedPrompt prompt) {
            int output = Math.min(prompt.maxTokens(), outputCells);
            // A stream that continues near the cap has no more room than before, but always some.
            return Math.max(prompt.promptTokens() + output, prompt.length() + 1);
        }

        /** Cells are there, and computing begins. */
        Computing prepared(ReserveRequest reserved, StartRequest start, int cachedTokens) {
            return new Computing(reserved, start, cachedTokens, 0);
        }
    }

    /**
     * The prompt is being computed here.
     *
     * @param start with everything that is known before the first token
     * @param cachedTokens tokens that come from the prefix cache
     * @param startedNanos when the first chunk began; 0 before
     */
    record Computing(ReserveRequest request, StartRequest start, int cachedTokens, long startedNanos)
            implements LegState {
        Computing started(long now) {
            return new Computing(request, start, cachedTokens, now);
        }

        /** Tokens that are not in the prefix cache. */
        int computedTokens() {
            return request.tokens().length - cachedTokens;
        }

        /** The first token was chosen; the sequence is in the batch already. */
        Decoding firstToken(long now) {
            return new Decoding(request, start, 0, now, computedTokens(), null, false);
        }
    }

    /**
     * Cells are being reserved.
     *
     * @param offers blocks offered meanwhile
     * @param start the Start that came meanwhile
     */
    record Reserving(
            ReserveRequest request,
            List<KvDescriptor> offers,
            @Nullable StartRequest start) implements LegState {
        Reserving offer(List<KvDescriptor> blocks) {
            List<KvDescriptor> more = new ArrayList<>(offers);
            more.addAll(blocks);
            return new Reserving(request, List.copyOf(more), start);
        }

        Reserving start(StartRequest started) {
            return new Reserving(request, offers, started);
        }

        /** Cells are there for a stream that still runs elsewhere. */
        Promised promised() {
            return new Promised(request);
        }

        /** Cells are there. The offers that came meanwhile are to be given to the new state. */
        Receiving reserved(int blocks, int cachedBlocks) {
            return new Receiving(request, BlockTable.of(blocks, cachedBlocks), start);
        }
    }

    /** Cells are reserved for a stream that still runs elsewhere. */
    record Promised(ReserveRequest request) implements LegState {
        /** The stream has stopped there. */
        Receiving extend(ReserveRequest extended, int cachedBlocks) {
            return new Receiving(extended, BlockTable.of(extended.blocks(), cachedBlocks), null);
        }
    }

    /** Blocks arrive. */
    record Receiving(
            ReserveRequest request,
            BlockTable blocks,
            @Nullable StartRequest start) implements LegState {
        Receiving blocks(BlockTable changed) {
            return new Receiving(request, changed, start);
        }

        Receiving start(StartRequest started) {
            return new Receiving(request, blocks, started);
        }

        /** Whether everything that generation needs is there. */
        boolean complete() {
            return start != null && blocks.allLanded();
        }

        Decoding decode(long now) {
            StartRequest s = start;
            if (s == null || !blocks.allLanded()) {
                throw new IllegalStateException("generation needs Start and all of the " + blocks.size() + " blocks; "
                        + blocks.landedCount() + " have landed");
            }
            return new Decoding(request, s, Math.max(0, now - s.arrivedNanos()), 0, 0, null, false);
        }
    }

    /**
     * Generating.
     *
     * @param lastBlockWaitNanos from Start to the moment when every block had landed
     * @param joinedNanos when the sequence joined the batch; 0 before
     * @param computedTokens prompt tokens that had to be computed here
     * @param to who is to take the stream over; null while nobody is
     * @param stopping whether the next token is the last one here
     */
    record Decoding(
            ReserveRequest request,
            StartRequest start,
            long lastBlockWaitNanos,
            long joinedNanos,
            int computedTokens,
            @Nullable Taker to,
            boolean stopping)
            implements LegState {
        Decoding joined(long now, int computed) {
            return new Decoding(request, start, lastBlockWaitNanos, now, computed, to, stopping);
        }

        Decoding handOver(Taker taker) {
            return new Decoding(request, start, lastBlockWaitNanos, joinedNanos, computedTokens, taker, false);
        }

        Decoding stop() {
            return new Decoding(request, start, lastBlockWaitNanos, joinedNanos, computedTokens, to, true);
        }

        /** The last token was sent. */
        Giving give() {
            if (to == null || !stopping) {
                throw new IllegalStateException("a stream is given to somebody, after it was stopped");
            }
            return new Giving(request, to);
        }
    }

    /**
     * Who takes a stream over.
     *
     * @param receiver the worker's id
     * @param attempt attempt number of its leg
     */
    record Taker(String receiver, int attempt) {}

    /** The stream has stopped; its KV cache is held ready for another worker. */
    record Giving(ReserveRequest request, Taker to) implements LegState {}

    /** The call is over. What the leg held is released, or is being released. */
    record Ended() implements LegState {}
}
