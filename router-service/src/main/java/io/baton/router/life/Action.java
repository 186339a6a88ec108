package io.baton.router.life;

import com.google.protobuf.ByteString;
import io.baton.decode.v1.DecodeReserve;
import io.baton.decode.v1.DecodeStart;
import io.baton.error.BatonException;
import io.baton.inference.v1.GenerateStarted;
import io.baton.inference.v1.TokenOutput;
import io.baton.kv.v1.KvDescriptor;
import io.baton.prefill.v1.PrefillStart;
import java.util.List;
import java.util.Set;

/** Something to be done for a request. Actions are carried out in order. */
public sealed interface Action {
    /** Something to be said on a leg. */
    sealed interface ToLeg extends Action {
        /** Number of the leg. */
        int leg();
    }

    /**
     * Pick the worker that computes the prompt and is not excluded, open the leg and send the message: a prefill worker, or a
     * decode worker that does it itself.
     */
    record OpenPrefill(int leg, PrefillStart start, Set<String> excluded) implements Action {}

    /** Pick a decode worker that is not excluded, open the leg and send the message. */
    record OpenDecode(int leg, DecodeReserve reserve, Set<String> excluded) implements Action {}

    /** Pick a decode worker that is not excluded, to take a running stream over; open the leg and send the message. */
    record OpenTaker(int leg, DecodeReserve reserve, Set<String> excluded) implements Action {}

    /** Let decode stop, and hold the KV cache ready for the receiver's leg of that attempt. */
    record SendHandOver(int leg, String receiver, int attempt) implements ToLeg {}

    /** Tell the worker that takes a stream over what its tokens are. */
    record SendExtend(int leg, ByteString tokenIds) implements ToLeg {}

    /** Count a stream that another decode worker has taken over. */
    record CountHandOver() implements Action {}

    /** Let prefill compute. */
    record SendGo(int leg, String receiver) implements ToLeg {}

    /** Pass descriptors on to decode, as they came. */
    record SendOffer(int leg, List<KvDescriptor> blocks) implements ToLeg {}

    /** Let decode generate. */
    record SendStart(int leg, DecodeStart start) implements ToLeg {}

    /** Tell prefill that decode has every block, or that none is needed any more. */
    record HalfClose(int leg) implements ToLeg {}

    /** Tell a worker to stop and to release what it holds. */
    record CancelLeg(int leg) implements ToLeg {}

    /** Tell the client that the request was accepted. */
    record TellStarted(GenerateStarted started) implements Action {}

    /** Send tokens or text to the client. */
    record TellOutput(TokenOutput output) implements Action {}

    /** Tell the client how the generation ended. */
    record TellFinished(Outcome outcome) implements Action {}

    /** Tell the client that the request failed. */
    record TellFailed(BatonException error) implements Action {}

    /**
     * Wait, longer each time, before other workers are looked for.
     *
     * @param waits how often was waited before
     */
    record AwaitWorkers(int waits) implements Action {}

    /** Wait a bounded time for prefill's closing report. */
    record AwaitPrefillDone() implements Action {}
}
