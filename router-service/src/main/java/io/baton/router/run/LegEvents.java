package io.baton.router.run;

import io.baton.decode.v1.DecodeResponse;
import io.baton.prefill.v1.PrefillResponse;
import io.baton.router.life.Event;

/** The messages of the workers as events. */
final class LegEvents {
    private LegEvents() {}

    static Event.OfLeg of(int leg, PrefillResponse message) {
        return switch (message.getMessageCase()) {
            case ACCEPTED -> new Event.Accepted(leg, message.getAccepted());
            case BLOCKS_READY ->
                new Event.BlocksReady(leg, message.getBlocksReady().getBlocksList());
            case FIRST_TOKEN -> new Event.FirstToken(leg, message.getFirstToken());
            case FINISHED -> new Event.PrefillDone(leg, message.getFinished());
            case MESSAGE_NOT_SET -> new Event.Unknown(leg);
        };
    }

    static Event.OfLeg of(int leg, String worker, DecodeResponse message) {
        return switch (message.getMessageCase()) {
            case RESERVED -> new Event.Reserved(leg, message.getReserved());
            case BLOCKS_LANDED -> new Event.BlocksLanded(leg, message.getBlocksLanded());
            case TOKEN -> new Event.Token(leg, message.getToken().getOutput());
            case FINISHED -> new Event.DecodeDone(leg, message.getFinished());
            case ACCEPTED -> new Event.AcceptedLocally(leg, message.getAccepted());
            case COMPUTED -> new Event.PrefillDone(leg, message.getComputed());
            case DRAINING -> new Event.Draining(leg, worker);
            case STOPPED -> new Event.Stopped(leg);
            case BLOCKS_READY ->
                new Event.BlocksReady(leg, message.getBlocksReady().getBlocksList());
            case MESSAGE_NOT_SET -> new Event.Unknown(leg);
        };
    }
}
