package io.baton.router.life;

import com.google.protobuf.ByteString;
import io.baton.decode.v1.DecodeReserve;
import io.baton.decode.v1.DecodeStart;
import io.baton.inference.v1.GenerateRequest;
import io.baton.kv.v1.DescriptorKind;
import io.baton.prefill.v1.PrefillAccepted;

/**
 * What prefill accepted.
 *
 * @param message its message; where a stream is continued, its token ids are prompt and generated ones
 * @param maxTokens the max_tokens in force, counted from the request's start
 */
record Accepted(PrefillAccepted message, int maxTokens) {
    static Accepted of(PrefillAccepted message, Trail trail) {
        return new Accepted(message, Math.min(message.getMaxTokens(), trail.mostTokens()));
    }

    /** Tokens of the prompt as the client sent it. */
    int promptTokens() {
        return message.getPromptTokens();
    }

    /** Token ids of the prompt as the client sent it. */
    ByteString prompt() {
        return message.getTokenIds().substring(0, promptTokens() * Integer.BYTES);
    }

    /** How many blocks the tokens have. */
    int blocks() {
        return Math.ceilDiv(message.getTokenIds().size() / Integer.BYTES, message.getBlockSize());
    }

    /** Whether the engines exchange the KV cache between themselves; the first token is then decode's. */
    boolean nixl() {
        return message.getLayout().getKind() == DescriptorKind.DESCRIPTOR_KIND_NIXL;
    }

    DecodeReserve reserve(Trail trail) {
        Generation generation = trail.generation();
        int tokens = message.getTokenIds().size() / Integer.BYTES;
        // A stream that moved near the cap has no more room than before, but always some.
        int cells = Math.max(
                Math.addExact(promptTokens(), Math.min(maxTokens, trail.limits().reserveCap())), tokens + 1);
        return DecodeReserve.newBuilder()
                .setRequestId(generation.legName())
                .setAttempt(trail.attempt())
                .setTenant(generation.tenant())
                .setModel(generation.request().getModel())
                .setTokenIds(message.getTokenIds())
                .setCells(cells)
                .setBlockSize(message.getBlockSize())
                .setLayout(message.getLayout())
                .build();
    }

    /**
     * Cells for a stream that still runs elsewhere: as many as it has there.
     *
     * @param tokens token ids of all rows so far
     */
    DecodeReserve reserveFor(Trail trail, ByteString tokens) {
        return reserve(trail).toBuilder().setTokenIds(tokens).setOpenEnded(true).build();
    }

    DecodeStart start(GenerateRequest request, Progress progress) {
        DecodeStart.Builder start = DecodeStart.newBuilder()
                .setGeneratedTokenIds(progress.generated())
                .setSampling(request.getSampling())
                .setStop(request.getStop().toBuilder().setMaxTokens(maxTokens))
                .setPromptTokens(promptTokens())
                .setTokensSent(progress.tokens())
                .setTextBytesSent(progress.textBytes());
        if (request.hasTopLogprobs()) {
            start.setTopLogprobs(request.getTopLogprobs());
        }
        return start.build();
    }
}
