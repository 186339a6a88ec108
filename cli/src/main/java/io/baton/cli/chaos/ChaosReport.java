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
 * @param offered how much was asked
 * @param clients what clients got
 * @param faults how often each fault happened
 * @param recoveries how often each recovery was taken
 * @param outages total outages
 * @param left what was still held when nothing ran any more
 */
record ChaosReport(
        Offered offered,
        Judge.Verdict clients,
        Map<Fault, Integer> faults,
        Map<String, Double> recoveries,
        List<Outages.Outage> outages,
        List<String> left) {
    private static final double ADMITTED = 0.95;

    /** Recoveries without which the faults did no harm. Whether a worker that was given up still speaks is chance. */
    static final List<String> NEEDED = List.of(ChaosRun.RETRIES, ChaosRun.MOVED);

    /**
     * How much was asked.
     *
     * @param capacity requests per second that the fleet answered before any fault
     * @param rate requests per second that came, in the mean
     * @param heldBack requests that came later, because as many as allowed were running
     */
    record Offered(double capacity, double rate, int heldBack) {}

    /** What is wrong, a line each; empty for a run that passed. */
    List<String> wrong() {
        List<String> wrong = new ArrayList<>();
        int admitted = clients.requests() - clients.notAdmitted();
        if (admitted < ADMITTED * clients.requests()) {
            wrong.add("only " + admitted + " of " + clients.requests() + " requests were admitted: " + clients.refused()
                    + "; first " + clients.turnedAway().getFirst());
        }
        if (clients.failures() > 0) {
            wrong.add(clients.failures() + " admitted requests failed: " + clients.failed() + "; first "
                    + clients.first());
        }
        if (clients.different() > 0) {
            wrong.add(clients.different() + " answers were not those of the undisturbed run; first " + clients.first());
        }
        for (Fault fault : Fault.values()) {
            if (faults.getOrDefault(fault, 0) == 0) {
                wrong.add(fault + " never happened, though it was tried again and again");
            }
        }
        for (String name : NEEDED) {
            if (recoveries.getOrDefault(name, 0.0) == 0) {
                wrong.add(name + " is zero: the faults did no harm");
            }
        }
        outages.forEach(outage -> wrong.addAll(outage.wrong()));
        if (!left.isEmpty()) {
            wrong.add("at rest something is held: " + String.join(", ", left));
        }
        return wrong;
    }

    void print(PrintWriter out) {
        out.printf(
                Locale.ROOT,
                "%.1f requests per second came (the fleet can do %.1f undisturbed), %d of them later because %d were running%n",
                offered.rate(),
                offered.capacity(),
                offered.heldBack(),
                Load.MAX_IN_FLIGHT);
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
        for (Outages.Outage outage : outages) {
            Judge.Verdict during = outage.during();
            out.printf(
                    Locale.ROOT,
                    "no %s worker for a while: of %d requests %d were answered as ever, %d refused %s, %d given up %s;"
                            + " afterwards %d of %d were answered%n",
                    outage.role().label(),
                    during.requests(),
                    during.equal(),
                    during.notAdmitted(),
                    during.refused(),
                    during.failures(),
                    during.failed(),
                    outage.after().equal(),
                    outage.after().requests());
        }
        clients.wrong().forEach(sentence -> out.println("  " + sentence));
        clients.turnedAway().forEach(sentence -> out.println("  " + sentence));
        List<String> wrong = wrong();
        wrong.forEach(sentence -> out.println("FAILED: " + sentence));
        out.println(wrong.isEmpty() ? "passed" : "failed");
        out.flush();
    }

    ObjectNode json() {
        ObjectNode json = new ObjectMapper().createObjectNode();
        json.put("capacity_per_second", offered.capacity())
                .put("rate_per_second", offered.rate())
                .put("held_back", offered.heldBack());
        put(json, clients);
        json.put("asked_again", clients.askedAgain())
                .put("p50_seconds", clients.percentileSeconds(0.5))
                .put("p99_seconds", clients.percentileSeconds(0.99))
                .put("max_seconds", clients.percentileSeconds(1));
        ObjectNode f = json.putObject("faults");
        faults.forEach((fault, n) -> f.put(fault.name(), n));
        ObjectNode r = json.putObject("recoveries");
        recoveries.forEach(r::put);
        ObjectNode o = json.putObject("outages");
        for (Outages.Outage outage : outages) {
            ObjectNode one = o.putObject(outage.role().label());
            put(one, outage.during());
            put(one.putObject("afterwards"), outage.after());
        }
        wrong().forEach(json.putArray("wrong")::add);
        return json;
    }

    private static void put(ObjectNode json, Judge.Verdict verdict) {
        json.put("requests", verdict.requests())
                .put("equal", verdict.equal())
                .put("different", verdict.different())
                .put("failed", verdict.failures())
                .put("not_admitted", verdict.notAdmitted());
    }
}
