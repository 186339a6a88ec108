package io.baton.router.admission;

/** Whether the fleet has room now. Asked often; must be cheap and must not block. */
public interface Room {
    /**
     * Whether the fleet takes the request now, beside those that were admitted and that it cannot know of yet.
     *
     * @param sent how many these are
     * @param sentTokens tokens of their prompts
     * @param sentCells cells that they need on decode
     */
    boolean takes(Ask ask, int sent, long sentTokens, long sentCells);

    /**
     * Whether there is more left than the reserve for tenants that have had less than their share.
     *
     * @param sent requests that were admitted and that the fleet cannot know of yet
     */
    default boolean hasMoreThanReserve(String model, int sent) {
        return true;
    }

    /** Prompt tokens per second that the fleet computes for a model, as it measured itself; 0 if nobody knows. */
    double tokensPerSecond(String model);
}
