package io.baton.cli.chaos;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/**
 * Counts what clients got, and keeps the first of what they should not have got.
 *
 * <p><em>Thread-safety:</em> safe.
 */
final class Judge {
    private static final int KEPT = 10;

    private final List<Call.Answer> expected;
    private final Map<ErrorCode, Integer> refused = new EnumMap<>(ErrorCode.class);
    private final Map<ErrorCode, Integer> failed = new EnumMap<>(ErrorCode.class);
    private final List<String> wrong = new ArrayList<>();
    private final List<Long> nanos = new ArrayList<>();
    private int equal;
    private int different;
    private int askedAgain;

    /** Expects these answers, by the number of the request. */
    Judge(List<Call.Answer> expected) {
        this.expected = List.copyOf(expected);
    }

    /** A client lost its router and asks again. */
    synchronized void askedAgain() {
        askedAgain++;
    }

    synchronized void ended(int request, Call.Ended end) {
        Call.Answer want = expected.get(request);
        BatonException error = end.error().orElse(null);
        if (error == null) {
            nanos.add(end.nanos());
            if (end.answer().equals(want)) {
                equal++;
            } else {
                different++;
                keep("request " + request + " brought " + end.answer().ids().size() / Integer.BYTES + " tokens, "
                        + end.answer().completion().getReason() + ", that are not the "
                        + want.ids().size() / Integer.BYTES
                        + " of the undisturbed run");
            }
        } else if (end.admitted()) {
            failed.merge(error.code(), 1, Integer::sum);
            keep("request " + request + " failed after it was admitted: " + error.code() + ": " + error.getMessage());
        } else {
            refused.merge(error.code(), 1, Integer::sum);
        }
    }

    private void keep(String sentence) {
        if (wrong.size() < KEPT) {
            wrong.add(sentence);
        }
    }

    synchronized int count() {
        return equal + different + sum(failed) + sum(refused);
    }

    synchronized Verdict verdict() {
        return new Verdict(
                count(),
                equal,
                different,
                Map.copyOf(failed),
                Map.copyOf(refused),
                askedAgain,
                List.copyOf(wrong),
                nanos);
    }

    private static int sum(Map<ErrorCode, Integer> counts) {
        return counts.values().stream().mapToInt(Integer::intValue).sum();
    }

    /**
     * What clients got.
     *
     * @param requests requests that ended
     * @param equal answers equal to the undisturbed ones: tokens, text and reason
     * @param different answers that were not
     * @param failed requests that were admitted and failed, by error
     * @param refused requests that were not admitted, by error
     * @param askedAgain requests that were asked again because their router was killed
     * @param wrong the first sentences about what should not have been
     * @param nanos how long the answered ones took
     */
    record Verdict(
            int requests,
            int equal,
            int different,
            Map<ErrorCode, Integer> failed,
            Map<ErrorCode, Integer> refused,
            int askedAgain,
            List<String> wrong,
            List<Long> nanos) {
        /** Copies the list. */
        Verdict {
            nanos = nanos.stream().sorted().toList();
        }

        int notAdmitted() {
            return sum(refused);
        }

        int failures() {
            return sum(failed);
        }

        /** Seconds that all but one in so many took at most. */
        double percentileSeconds(double part) {
            return nanos.isEmpty() ? 0 : nanos.get((int) Math.min(nanos.size() - 1, part * nanos.size())) / 1e9;
        }
    }
}
