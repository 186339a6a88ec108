package io.baton.router.life;

import io.baton.decode.v1.DecodeBlocksLanded;
import io.baton.decode.v1.DecodeFinished;
import io.baton.decode.v1.DecodeReserved;
import io.baton.error.BatonException;
import io.baton.inference.v1.TokenOutput;
import io.baton.kv.v1.KvDescriptor;
import io.baton.prefill.v1.PrefillAccepted;
import io.baton.prefill.v1.PrefillFinished;
import io.baton.prefill.v1.PrefillFirstToken;
import java.util.List;

/** Something that happened to a request. */
public sealed interface Event {
    /** Something that a leg said, or that became of it. A leg that is not the state's own is stale and is ignored. */
    sealed interface OfLeg extends Event {
        /** Number of the leg, unique in the request. */
        int leg();
    }

    /** Prefill accepted the prompt. */
    record Accepted(int leg, PrefillAccepted message) implements OfLeg {}

    /** Decode accepted the prompt, and computes it itself. */
    record AcceptedLocally(int leg, PrefillAccepted message) implements OfLeg {}

    /** Prefill described blocks, or decode did of a stream that it hands over. */
    record BlocksReady(int leg, List<KvDescriptor> blocks) implements OfLeg {}

    /** Prefill chose the first token. */
    record FirstToken(int leg, PrefillFirstToken message) implements OfLeg {}

    /** Prefill has nothing more to say; or decode has computed the prompt itself. */
    record PrefillDone(int leg, PrefillFinished message) implements OfLeg {}

    /** Decode reserved cells. */
    record Reserved(int leg, DecodeReserved message) implements OfLeg {}

    /** Blocks are in place on decode. */
    record BlocksLanded(int leg, DecodeBlocksLanded message) implements OfLeg {}

    /** Decode generated. */
    record Token(int leg, TokenOutput output) implements OfLeg {}

    /** Decode ended the generation. */
    record DecodeDone(int leg, DecodeFinished message) implements OfLeg {}

    /**
     * The decode worker drains, and the stream may be handed over to another one.
     *
     * @param worker its address
     */
    record Draining(int leg, String worker) implements OfLeg {}

    /** The stream stopped at its worker; every token was sent. */
    record Stopped(int leg) implements OfLeg {}

    /** The leg sent a message that is none of the protocol's. */
    record Unknown(int leg) implements OfLeg {}

    /** The worker completed the leg without an error. */
    record LegClosed(int leg) implements OfLeg {}

    /**
     * The leg is gone: refused, broken, given up, or never opened for want of a worker.
     *
     * @param worker address of the worker, empty if there was none
     */
    record LegFailed(int leg, String worker, BatonException error) implements OfLeg {}

    /** The request must end: the client left or reads too slowly, the deadline passed, the router stops. */
    record Abort(BatonException error) implements Event {}

    /** The wait that {@link Action.AwaitWorkers} asked for is over. */
    record TryAgain() implements Event {}

    /** Prefill's closing report was waited for long enough. */
    record SettleTimeout() implements Event {}
}
