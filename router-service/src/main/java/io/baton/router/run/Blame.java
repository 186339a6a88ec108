package io.baton.router.run;

import io.baton.error.ErrorCode;
import io.baton.router.life.Event;

/** What of a leg's life speaks for its worker, and what against it. */
final class Blame {
    private Blame() {}

    /** Whether the worker has computed or moved something. Accepting a request is easy, and no sign that it works. */
    static boolean isProgress(Event.OfLeg event) {
        return switch (event) {
            case Event.BlocksReady _,
                    Event.FirstToken _,
                    Event.PrefillDone _,
                    Event.BlocksLanded _,
                    Event.Token _,
                    Event.DecodeDone _,
                    Event.Stopped _ -> true;
            case Event.Accepted _,
                    Event.AcceptedLocally _,
                    Event.Reserved _,
                    Event.Draining _,
                    Event.Unknown _,
                    Event.LegClosed _,
                    Event.LegFailed _ -> false;
        };
    }

    /** Whether the worker itself is what failed, and not the request, the other worker, the network between them, or its size. */
    static boolean isOfWorker(ErrorCode code) {
        return switch (code) {
            case WORKER_LOST, ENGINE_FAILED, INTERNAL, PROTOCOL_VIOLATION -> true;
            default -> false;
        };
    }
}
