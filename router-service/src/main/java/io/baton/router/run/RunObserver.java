package io.baton.router.run;

import io.baton.router.life.RequestState.Phase;
import io.baton.router.schedule.Pick;
import io.baton.worker.v1.WorkerRole;
import org.jspecify.annotations.Nullable;

/** Is told what happens to requests, for metrics. Must be safe for use from many threads and must not block. */
public interface RunObserver {
    /** Who is told of the requests for a model. Asked once per request, so that a token needs no look-up. */
    OfModel of(String model);

    /** A leg was opened (+1) or closed (-1). */
    void legs(WorkerRole role, int change);

    /** A message came on a leg that no longer counts. */
    void stale();

    /** A client was given up because it reads too slowly. */
    void slowClient();

    /** Is told what happens to requests for one model. */
    interface OfModel {
        /** A request entered a phase; {@code from} is null at its arrival. */
        void phase(@Nullable Phase from, Phase to);

        /** The first token arrived, so many microseconds after the request. */
        void firstToken(long micros);

        /** A later output arrived, so many microseconds after the one before. */
        void nextTokens(long micros, int tokens);

        /** A failed leg was replaced. */
        void retried();

        /** A stream whose client has tokens already goes on with other workers; counted for each attempt to do so. */
        void moved();

        /** A decode worker has taken a stream over from one that drains. */
        void handedOver();

        /** Workers were picked for a leg, or for two. */
        default void picked(Pick pick) {}

        /** The request is over. */
        void ended(Summary summary);
    }

    /**
     * A request that is over.
     *
     * @param status "OK", or the name of the error
     * @param finishReason "stop", "length", or "abort" for a request that failed
     * @param queueMicros how long it waited before it was computed
     * @param prefillMicros how long prefill computed, by its own report; 0 if there is none
     * @param decodeMicros how long decode generated, by its own report; 0 if there is none
     * @param totalMicros how long it took
     */
    record Summary(
            String status,
            String finishReason,
            int promptTokens,
            int completionTokens,
            long queueMicros,
            long prefillMicros,
            long decodeMicros,
            long totalMicros) {}
}
