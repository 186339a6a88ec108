package io.baton.router.run;

import io.baton.decode.v1.DecodeCancel;
import io.baton.decode.v1.DecodeCompute;
import io.baton.decode.v1.DecodeExtend;
import io.baton.decode.v1.DecodeHandOver;
import io.baton.decode.v1.DecodeOffer;
import io.baton.decode.v1.DecodeRequest;
import io.baton.decode.v1.DecodeReserve;
import io.baton.decode.v1.DecodeResponse;
import io.baton.decode.v1.DecodeServiceGrpc;
import io.baton.prefill.v1.PrefillCancel;
import io.baton.prefill.v1.PrefillGo;
import io.baton.prefill.v1.PrefillRequest;
import io.baton.prefill.v1.PrefillResponse;
import io.baton.prefill.v1.PrefillServiceGrpc;
import io.baton.prefill.v1.PrefillStart;
import io.baton.router.fleet.KvKind;
import io.baton.router.fleet.Worker;
import io.baton.router.life.Action;
import io.grpc.Context;
import io.grpc.stub.AbstractAsyncStub;
import io.grpc.stub.MetadataUtils;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The legs of one request that count: opens them, sends on them, ends them.
 *
 * <p><em>Thread-safety:</em> none; belongs to the request's serial executor.
 */
final class Legs {
    /**
     * Legs do not inherit the context of the client's call: its end would break them, but a leg ends with its protocol, and may
     * outlive the call while the worker releases what it holds.
     */
    private static final Context OWN_LIFE = Context.ROOT;

    private static final PrefillRequest CANCEL_PREFILL = PrefillRequest.newBuilder()
            .setCancel(PrefillCancel.getDefaultInstance())
            .build();
    private static final DecodeRequest CANCEL_DECODE = DecodeRequest.newBuilder()
            .setCancel(DecodeCancel.getDefaultInstance())
            .build();

    private final RequestRun owner;
    private final RunEnvironment env;
    private final CallInfo call;
    private final Timers timers;
    private final Turn turn;
    private final Map<Integer, Leg<?, ?>> open = new HashMap<>(4);
    private final Picks picks;

    Legs(RequestRun owner, RunEnvironment env, CallInfo call, Timers timers, Turn turn, Picks picks) {
        this.owner = owner;
        this.env = env;
        this.call = call;
        this.timers = timers;
        this.turn = turn;
        this.picks = picks;
    }

    /** Opens the leg that computes the prompt; null if no worker takes it. */
    @Nullable
    Leg<?, ?> open(Action.OpenPrefill action) {
        PrefillStart start = action.start();
        Picks.Chosen chosen = picks.start(start.getPrompt(), action.excluded());
        if (chosen == null) {
            return null;
        }
        Worker worker = chosen.worker();
        if (chosen.pick().local()) {
            return compute(action.leg(), start, chosen);
        }
        Leg<PrefillRequest, PrefillResponse> leg =
                new Leg<>(action.leg(), worker, owner, message -> LegEvents.of(action.leg(), message), CANCEL_PREFILL);
        opened(leg, chosen.newTokens(), chosen.pick().promptTokens());
        turn.promptSent();
        OWN_LIFE.run(
                () -> ready(PrefillServiceGrpc.newStub(worker.legChannel())).prefill(leg));
        leg.send(PrefillRequest.newBuilder().setStart(picks.named(start)).build());
        return leg;
    }

    /** Opens a decode leg; null if no worker takes it. */
    @Nullable
    Leg<?, ?> open(Action.OpenDecode action) {
        return open(action.leg(), action.reserve(), action.excluded());
    }

    /** Opens a decode leg that takes a stream over; null if no worker takes it. */
    @Nullable
    Leg<?, ?> open(Action.OpenTaker action) {
        return open(action.leg(), action.reserve(), action.excluded());
    }

    private @Nullable Leg<?, ?> open(int number, DecodeReserve reserve, Set<String> excluded) {
        KvKind kind = new KvKind(reserve.getModel(), reserve.getBlockSize(), reserve.getLayout());
        Picks.Chosen chosen = picks.decode(kind, reserve, excluded);
        if (chosen == null) {
            return null;
        }
        DecodeRequest first =
                DecodeRequest.newBuilder().setReserve(picks.named(reserve)).build();
        return decode(number, chosen.worker(), 0, reserve.getCells(), first);
    }

    /** Has a decode worker compute the prompt itself. */
    private Leg<?, ?> compute(int number, PrefillStart start, Picks.Chosen chosen) {
        int cap = env.settings().limits().reserveCap();
        int cells = chosen.pick().promptTokens() + Math.min(start.getStop().getMaxTokens(), cap);
        DecodeRequest first = DecodeRequest.newBuilder()
                .setCompute(
                        DecodeCompute.newBuilder().setStart(picks.named(start)).setOutputCells(cap))
                .build();
        return decode(number, chosen.worker(), chosen.newTokens(), cells, first);
    }

    private Leg<?, ?> decode(int number, Worker worker, int tokens, int cells, DecodeRequest first) {
        String address = worker.view().address();
        Leg<DecodeRequest, DecodeResponse> leg =
                new Leg<>(number, worker, owner, message -> LegEvents.of(number, address, message), CANCEL_DECODE);
        opened(leg, tokens, cells);
        turn.promptSent();
        turn.cellsSent();
        OWN_LIFE.run(() -> ready(DecodeServiceGrpc.newStub(worker.legChannel())).decode(leg));
        leg.send(first);
        return leg;
    }

    private <S extends AbstractAsyncStub<S>> S ready(S stub) {
        return stub.withInterceptors(MetadataUtils.newAttachHeadersInterceptor(call.toMetadata()));
    }

    private void opened(Leg<?, ?> leg, int tokens, int cells) {
        open.put(leg.number(), leg);
        leg.count(leg.worker().inFlight().opened(tokens, cells));
        leg.worker().add(leg);
        env.observer().legs(leg.worker().view().role(), 1);
    }

    /** Says it on its leg, if that counts still. */
    void perform(Action.ToLeg action) {
        switch (action) {
            case Action.SendGo(int leg, String receiver) ->
                send(
                        leg,
                        PrefillRequest.newBuilder()
                                .setGo(PrefillGo.newBuilder().setReceiver(receiver))
                                .build());
            case Action.SendOffer(int leg, var blocks) ->
                send(
                        leg,
                        DecodeRequest.newBuilder()
                                .setOffer(DecodeOffer.newBuilder().addAllBlocks(blocks))
                                .build());
            case Action.SendStart(int leg, var start) ->
                send(leg, DecodeRequest.newBuilder().setStart(start).build());
            case Action.SendHandOver(int leg, String receiver, int attempt) ->
                send(
                        leg,
                        DecodeRequest.newBuilder()
                                .setHandOver(DecodeHandOver.newBuilder()
                                        .setReceiver(receiver)
                                        .setAttempt(attempt))
                                .build());
            case Action.SendExtend(int leg, var tokenIds) ->
                send(
                        leg,
                        DecodeRequest.newBuilder()
                                .setExtend(DecodeExtend.newBuilder().setTokenIds(tokenIds))
                                .build());
            case Action.HalfClose(int leg) -> halfClose(leg);
            case Action.CancelLeg(int leg) -> cancel(leg);
        }
    }

    @SuppressWarnings("unchecked") // The number was given to a leg of this kind when it was opened.
    private void send(int number, PrefillRequest message) {
        Leg<?, ?> leg = open.get(number);
        if (leg != null) {
            ((Leg<PrefillRequest, PrefillResponse>) leg).send(message);
        }
    }

    @SuppressWarnings("unchecked") // The number was given to a leg of this kind when it was opened.
    private void send(int number, DecodeRequest message) {
        Leg<?, ?> leg = open.get(number);
        if (leg != null) {
            ((Leg<DecodeRequest, DecodeResponse>) leg).send(message);
        }
    }

    /** Tells the worker that nothing more comes; what it says still counts. */
    private void halfClose(int number) {
        Leg<?, ?> leg = open.get(number);
        if (leg != null) {
            leg.halfClose();
            closeInTime(leg);
        }
    }

    /** Tells the worker to stop; nothing that it says counts any more. */
    private void cancel(int number) {
        Leg<?, ?> leg = open.remove(number);
        if (leg != null) {
            leg.countsNoMore();
            leg.cancel();
            closeInTime(leg);
        }
    }

    /** Ends a leg without waiting for the worker; nothing that it says counts any more. */
    void drop(Leg<?, ?> leg) {
        open.remove(leg.number());
        leg.countsNoMore();
        leg.cut("no progress");
    }

    void dropAll() {
        List.copyOf(open.values()).forEach(this::drop);
    }

    private void closeInTime(Leg<?, ?> leg) {
        if (!leg.isClosed()) {
            timers.after(leg, env.settings().legClose(), () -> leg.giveUp("the worker did not close the leg in time"));
        }
    }

    /** The leg is closed. Says whether it counted until now. */
    boolean closed(Leg<?, ?> leg) {
        leg.worker().remove(leg);
        env.observer().legs(leg.worker().view().role(), -1);
        timers.cancel(leg);
        leg.countsNoMore();
        return open.remove(leg.number(), leg);
    }

    @Nullable
    Leg<?, ?> get(int number) {
        return open.get(number);
    }
}
