package io.baton.router.life;

import io.baton.decode.v1.DecodeReserve;
import io.baton.error.BatonException;
import io.baton.inference.v1.GenerateStarted;
import io.baton.inference.v1.StopParams;
import io.baton.kv.v1.DescriptorKind;
import io.baton.prefill.v1.PrefillAccepted;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A prefill leg was opened; it has not accepted the prompt yet. */
record Starting(Trail trail, int prefill) implements RequestState {
    @Override
    public Step on(Event event) {
        return switch (event) {
            case Event.Accepted(int leg, PrefillAccepted message) when leg == prefill -> accepted(message);
            case Event.LegFailed failure when failure.leg() == prefill -> trail.retryOrFail(failure);
            case Event.OfLeg other
            when other.leg() == prefill ->
                Ended.failed(
                        Violations.unexpected("prefill", other, "it had not accepted the prompt"),
                        new Action.CancelLeg(prefill));
            case Event.Abort(BatonException error) -> Ended.failed(error, new Action.CancelLeg(prefill));
            case Event.OfLeg _, Event.SettleTimeout _ -> Step.stay(this);
        };
    }

    private Step accepted(PrefillAccepted message) {
        String problem = problem(message);
        if (problem != null) {
            return Ended.failed(Violations.bad("prefill", problem), new Action.CancelLeg(prefill));
        }
        Generation generation = trail.generation();
        StopParams stop = generation.request().getStop();
        int maxTokens = stop.hasMaxTokens()
                ? message.getMaxTokens()
                : Math.min(message.getMaxTokens(), trail.limits().defaultMaxTokens());
        Accepted accepted = new Accepted(message, maxTokens);
        List<Action> actions = new ArrayList<>();
        if (!trail.startedTold()) {
            actions.add(new Action.TellStarted(GenerateStarted.newBuilder()
                    .setRequestId(generation.name())
                    .setModel(generation.request().getModel())
                    .setPromptTokens(message.getPromptTokens())
                    .setSeed(generation.seed())
                    .build()));
        }
        if (maxTokens == 1) {
            actions.add(new Action.SendGo(prefill, ""));
            return new Step(Prefilling.alone(trail.told(), prefill, accepted), actions);
        }
        Trail next = trail.told().nextLeg();
        actions.add(new Action.OpenDecode(next.lastLeg(), accepted.reserve(next), next.excluded()));
        return new Step(new Reserving(next, prefill, next.lastLeg(), accepted), actions);
    }

    private static @Nullable String problem(PrefillAccepted message) {
        int tokens = message.getPromptTokens();
        if (tokens < 1 || message.getTokenIds().size() != (long) tokens * Integer.BYTES) {
            return "accepted " + tokens + " prompt tokens with "
                    + message.getTokenIds().size() + " bytes of token ids";
        }
        if (message.getBlockSize() < 1) {
            return "accepted with a block size of " + message.getBlockSize();
        }
        if (message.getMaxTokens() < 1) {
            return "accepted with max_tokens of " + message.getMaxTokens();
        }
        return message.hasLayout() || message.getMaxTokens() == 1 ? null : "accepted without a KV layout";
    }

    @Override
    public int awaitedLeg() {
        return prefill;
    }

    @Override
    public Phase phase() {
        return Phase.WAITING;
    }

    /**
     * What prefill accepted.
     *
     * @param message its message
     * @param maxTokens the max_tokens in force
     */
    record Accepted(PrefillAccepted message, int maxTokens) {
        /** How many blocks the prompt has. */
        int blocks() {
            return Math.ceilDiv(message.getPromptTokens(), message.getBlockSize());
        }

        /** Whether the engines exchange the KV cache between themselves; the first token is then decode's. */
        boolean nixl() {
            return message.getLayout().getKind() == DescriptorKind.DESCRIPTOR_KIND_NIXL;
        }

        DecodeReserve reserve(Trail trail) {
            Generation generation = trail.generation();
            int cells = Math.addExact(
                    message.getPromptTokens(),
                    Math.min(maxTokens, trail.limits().reserveCap()));
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
    }
}
