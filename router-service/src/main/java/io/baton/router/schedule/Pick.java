package io.baton.router.schedule;

import io.baton.router.config.SchedulingPolicy;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * The workers that were chosen, and why. Times are estimates in seconds, made before anything was computed.
 *
 * @param policy by what was chosen
 * @param prefill computes the prompt; null if decode does, or if prefill was chosen before
 * @param decode generates; where there is a prefill worker it is the one that is expected to
 * @param local whether decode computes the prompt
 * @param promptTokens tokens of the prompt, or the estimate
 * @param prefillCached tokens of the prompt in prefill's prefix cache
 * @param decodeCached tokens of the prompt in decode's prefix cache
 * @param ttft expected time to first token
 * @param itl expected time between tokens
 * @param prefillSeconds expected time of computing the prompt
 * @param otherWay what the way that was not taken would have cost (local or not); infinite if there was none
 * @param cost what the way that was taken costs
 */
public record Pick(
        SchedulingPolicy policy,
        @Nullable Candidate prefill,
        Candidate decode,
        boolean local,
        int promptTokens,
        int prefillCached,
        int decodeCached,
        double ttft,
        double itl,
        double prefillSeconds,
        double cost,
        double otherWay) {

    /** Why, in one line of printable ASCII: {@code key=value}, separated by blanks. */
    public String reasons() {
        StringBuilder text = new StringBuilder(160);
        text.append("policy=").append(policy.name().toLowerCase(Locale.ROOT).replace('_', '-'));
        text.append(" mode=").append(local ? "local" : "disaggregated");
        Candidate p = prefill;
        if (p != null) {
            text.append(" prefill=")
                    .append(p.address())
                    .append(" prefill-cached=")
                    .append(prefillCached);
        }
        text.append(" decode=")
                .append(decode.address())
                .append(" decode-cached=")
                .append(decodeCached);
        text.append(" tokens=").append(promptTokens);
        millis(text.append(" ttft-ms="), ttft);
        millis(text.append(" itl-ms="), itl);
        if (otherWay != Double.POSITIVE_INFINITY) {
            millis(text.append(" cost-ms="), cost);
            millis(text.append(" other-way-ms="), otherWay);
        }
        return text.toString();
    }

    /** Tenths of a millisecond, without the cost of a formatter. */
    private static void millis(StringBuilder text, double seconds) {
        long tenths = Math.round(seconds * 10_000);
        text.append(tenths / 10).append('.').append(tenths % 10);
    }
}
