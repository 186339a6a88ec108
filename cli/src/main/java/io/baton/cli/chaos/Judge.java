package io.baton.cli.chaos;

import com.google.protobuf.ByteString;
import io.baton.engine.text.TokenIds;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.GenerateRequest;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Counts what clients got, and keeps the first of what they should not have got.
 *
 * <p><em>Thread-safety:</em> safe.
 */
final class Judge {
    private static final int KEPT = 10;

    private final Clients clients;
    private final List<Call.Answer> expected;
    private final Supplier<String> circumstances;
    private final Map<ErrorCode, Integer> refused = new EnumMap<>(ErrorCode.class);
    private final Map<ErrorCode, Integer> failed = new EnumMap<>(ErrorCode.class);
    private final List<String> wrong = new ArrayList<>();
    private final List<String> turnedAway = new ArrayList<>();
    private final Map<ErrorCode, String> firsts = new EnumMap<>(ErrorCode.class);
    private final List<Long> nanos = new ArrayList<>();
    private int equal;
    private int different;
    private int askedAgain;

    /**
     * A judge.
     *
     * @param expected answers, by the number of the request
     * @param circumstances what happens now, for sentences about what should not have been
     */
    Judge(Clients clients, List<Call.Answer> expected, Supplier<String> circumstances) {
        this.clients = clients;
        this.expected = List.copyOf(expected);
        this.circumstances = circumstances;
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
                keep(wrong, sentence(request, end, "brought " + difference(end.answer(), want)));
            }
            return;
        }
        boolean admitted = end.admitted();
        (admitted ? failed : refused).merge(error.code(), 1, Integer::sum);
        String what = admitted
                ? "failed after it was admitted and had brought "
                        + tokens(end.answer().ids()).length + " tokens"
                : "was not admitted";
        String sentence = sentence(request, end, what + ": " + error.code() + ": " + error.getMessage());
        firsts.putIfAbsent(error.code(), sentence);
        keep(admitted ? wrong : turnedAway, sentence);
    }

    /** In what an answer is another one than the undisturbed one. */
    static String difference(Call.Answer got, Call.Answer want) {
        int[] tokens = tokens(got.ids());
        int[] wanted = tokens(want.ids());
        int at = Arrays.mismatch(tokens, wanted);
        if (at >= 0) {
            return "token " + at + ": expected " + at(wanted, at) + ", got " + at(tokens, at) + " (of " + wanted.length
                    + " and " + tokens.length + " tokens)";
        }
        if (!got.text().equals(want.text())) {
            return "other text for the same tokens: expected \"" + want.text() + "\", got \"" + got.text() + '"';
        }
        return "another end: expected " + oneLine(want.completion()) + ", got " + oneLine(got.completion());
    }

    private static int[] tokens(ByteString ids) {
        return TokenIds.decode(ids, Integer.MAX_VALUE, "token_ids");
    }

    private static String at(int[] tokens, int at) {
        return at < tokens.length ? Integer.toString(tokens[at]) : "the end";
    }

    private static String oneLine(Object message) {
        return "{" + message.toString().strip().replaceAll("\\s+", " ") + "}";
    }

    private static void keep(List<String> sentences, String sentence) {
        if (sentences.size() < KEPT) {
            sentences.add(sentence);
        }
    }

    private String sentence(int request, Call.Ended end, String what) {
        GenerateRequest r = clients.request(request);
        return String.format(
                Locale.ROOT,
                "request %d (%s, %d prompt tokens, %d wanted), after %.1f s, %s [%s]",
                request,
                r.getSampling().getTemperature() == 0 ? "greedy" : "seeded",
                tokens(r.getPrompt().getTokenIds()).length,
                r.getStop().getMaxTokens(),
                end.nanos() / 1e9,
                what,
                circumstances.get());
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
                List.copyOf(turnedAway),
                Map.copyOf(firsts),
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
     * @param turnedAway the first sentences about what was not admitted
     * @param firsts the first sentence about a request that ended so, by error
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
            List<String> turnedAway,
            Map<ErrorCode, String> firsts,
            List<Long> nanos) {
        /** Sorts the times. */
        Verdict {
            nanos = nanos.stream().sorted().toList();
        }

        int notAdmitted() {
            return sum(refused);
        }

        int failures() {
            return sum(failed);
        }

        /** The first sentence about what should not have been, or was not admitted. */
        String first() {
            return !wrong.isEmpty() ? wrong.getFirst() : turnedAway.isEmpty() ? "none" : turnedAway.getFirst();
        }

        /** Seconds that all but one in so many took at most. */
        double percentileSeconds(double part) {
            return nanos.isEmpty() ? 0 : nanos.get((int) Math.min(nanos.size() - 1, part * nanos.size())) / 1e9;
        }
    }
}
