package io.baton.cli.chaos;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * What came of a run, and what should not have.
 *
 * @param clients what clients got
 * @param faults how often each fault happened
 * @param recoveries how often each recovery was taken
 * @param left what was still held when nothing ran any more
 */
record ChaosReport(
        Judge.Verdict clients, Map<Fault, Integer> faults, Map<String, Double> recoveries, List<String> left) {
    private static final double ADMITTED = 0.95;

    /** What is wrong; empty for a run that passed. */
    List<String> wrong() {
        List<String> wrong = new ArrayList<>();
        int admitted = clients.requests() - clients.notAdmitted();
        if (admitted < ADMITTED * clients.requests()) {
            wrong.add("only " + admitted + " of " + clients.requests() + " requests were admitted");
        }
        if (clients.failures() > 0) {
            wrong.add(clients.failures() + " admitted requests failed: " + clients.failed());
        }
        if (clients.different() > 0) {
            wrong.add(clients.different() + " answers were not those of the undisturbed run");
        }
        for (Fault fault : Fault.values()) {
            if (faults.getOrDefault(fault, 0) == 0) {
                wrong.add(fault + " never happened");
            }
        }
        // Whether a worker that was given up still says something is chance; these are not.
        for (String name : List.of(ChaosRun.RETRIES, ChaosRun.MOVED, ChaosRun.FLIPPED)) {
            if (recoveries.getOrDefault(name, 0.0) == 0) {
                wrong.add(name + " is zero: the faults did no harm");
            }
        }
        if (!left.isEmpty()) {
            wrong.add("at rest something is held: " + String.join(", ", left));
        }
        return wrong;
    }

    void print(PrintWriter out) {
        out.printf(
                Locale.ROOT,
                "%d requests: %d answered as in the undisturbed run, %d otherwise, %d failed, %d not admitted %s%n",
                clients.requests(),
                clients.equal(),
                clients.different(),
                clients.failures(),
                clients.notAdmitted(),
                clients.refused());
        out.printf(
                Locale.ROOT,
                "%d were asked again because their router was killed; an answer took p50 %.2f s, p99 %.2f s, at most %.2f s%n",
                clients.askedAgain(),
                clients.percentileSeconds(0.5),
                clients.percentileSeconds(0.99),
                clients.percentileSeconds(1));
        out.println("faults: " + new TreeMap<>(faults));
        out.println("recoveries: " + new TreeMap<>(recoveries));
        clients.wrong().forEach(sentence -> out.println("  " + sentence));
        List<String> wrong = wrong();
        out.println(wrong.isEmpty() ? "passed" : "FAILED: " + String.join("; ", wrong));
        out.flush();
    }

    ObjectNode json() {
        ObjectNode json = new ObjectMapper().createObjectNode();
        json.put("requests", clients.requests())
                .put("equal", clients.equal())
                .put("different", clients.different())
                .put("failed", clients.failures())
                .put("not_admitted", clients.notAdmitted())
                .put("asked_again", clients.askedAgain())
                .put("p50_seconds", clients.percentileSeconds(0.5))
                .put("p99_seconds", clients.percentileSeconds(0.99))
                .put("max_seconds", clients.percentileSeconds(1));
        ObjectNode f = json.putObject("faults");
        faults.forEach((fault, n) -> f.put(fault.name(), n));
        ObjectNode r = json.putObject("recoveries");
        recoveries.forEach(r::put);
        wrong().forEach(json.putArray("wrong")::add);
        return json;
    }
}
