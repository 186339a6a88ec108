package io.baton.router.run;

import io.baton.router.admission.Ask;
import io.baton.router.admission.Room;
import io.baton.router.schedule.Headroom;

/**
 * The room that the fleet's workers report.
 *
 * <p><em>Thread-safety:</em> safe.
 */
public final class FleetRoom implements Room {
    private final LiveFleet fleet;
    private final Headroom headroom;

    /** The room of {@code fleet} within the limits. */
    public FleetRoom(LiveFleet fleet, Headroom headroom) {
        this.fleet = fleet;
        this.headroom = headroom;
    }

    @Override
    public boolean takes(Ask ask, int sent, long sentTokens, long sentCells) {
        return headroom.has(
                fleet.view(),
                ask.model(),
                ask.promptTokens(),
                ask.cells(),
                sent == 0 && sentCells == 0 ? Headroom.Sent.NOTHING : new Headroom.Sent(sent, sentTokens, sentCells));
    }

    @Override
    public boolean hasMoreThanReserve(String model, int sent) {
        return headroom.hasMoreThanReserve(fleet.view(), model, sent);
    }

    @Override
    public double tokensPerSecond(String model) {
        return Headroom.tokensPerSecond(fleet.view(), model);
    }
}
