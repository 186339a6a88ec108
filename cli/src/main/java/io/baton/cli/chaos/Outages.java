package io.baton.cli.chaos;

import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.Role;
import io.baton.cli.launch.RunState;
import io.baton.error.ErrorCode;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Collectors;

/**
 * Total outage: every worker of a role is killed and stays away for a while. What was running, and what is asked meanwhile, is
 * answered as ever or refused for the want of a worker; afterwards every request is answered again.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class Outages {
    /** Errors that a client may get because there is no worker, or because the one of its request was lost. */
    static final Set<ErrorCode> RIGHT = EnumSet.of(ErrorCode.NO_WORKER, ErrorCode.WORKER_LOST, ErrorCode.PULL_FAILED);

    private static final int RUNNING = 12;
    private static final int MEANWHILE = 20;
    private static final long APART_MILLIS = 250;

    private final Fleet fleet;
    private final FleetHealth health;
    private final Clients clients;
    private final List<Call.Answer> expected;

    Outages(Fleet fleet, FleetHealth health, Clients clients, List<Call.Answer> expected) {
        this.fleet = fleet;
        this.health = health;
        this.clients = clients;
        this.expected = expected;
    }

    /**
     * What became of one.
     *
     * @param role whose workers were away
     * @param during what clients got that asked before it was over
     * @param after what clients got that asked once the workers were back
     */
    record Outage(Role role, Judge.Verdict during, Judge.Verdict after) {
        /** What is wrong; empty if all was as it should be. */
        List<String> wrong() {
            List<String> wrong = new ArrayList<>();
            String which = "total outage of " + role.label() + ": ";
            if (during.different() > 0) {
                wrong.add(which + during.different() + " answers were other ones; first " + during.first());
            }
            Set<ErrorCode> others = EnumSet.noneOf(ErrorCode.class);
            others.addAll(during.failed().keySet());
            others.addAll(during.refused().keySet());
            others.removeAll(RIGHT);
            if (!others.isEmpty()) {
                wrong.add(which + "requests ended with " + others
                        + ", which does not say that a worker is missing; first "
                        + others.stream().map(during.firsts()::get).collect(Collectors.joining("; ")));
            }
            if (!during.refused().containsKey(ErrorCode.NO_WORKER)) {
                wrong.add(which + "no request was refused with NO_WORKER: it was none");
            }
            if (after.equal() != after.requests()) {
                wrong.add(which + "afterwards only " + after.equal() + " of " + after.requests()
                        + " requests were answered as before; first " + after.first());
            }
            return wrong;
        }
    }

    /** Both roles, one after the other. */
    List<Outage> run() {
        return List.of(of(Role.DECODE), of(Role.PREFILL));
    }

    private Outage of(Role role) {
        Judge during = new Judge(clients, expected, () -> "outage of " + role.label());
        List<CompletableFuture<Void>> asked = new ArrayList<>();
        for (int i = 0; i < RUNNING; i++) {
            asked.add(ask(i, during));
        }
        Faults.pause(APART_MILLIS);
        for (RunState.Service service : fleet.services(role)) {
            fleet.signal(service, "KILL");
        }
        for (int i = 0; i < MEANWHILE; i++) {
            Faults.pause(APART_MILLIS);
            asked.add(ask(RUNNING + i, during));
        }
        fleet.services(role).forEach(fleet::restart);
        fleet.services(role).forEach(s -> health.awaitWell(s, () -> false));
        CompletableFuture.allOf(asked.toArray(CompletableFuture<?>[]::new)).join();
        Judge after = new Judge(clients, expected, () -> "after the outage of " + role.label());
        List<Call.Ended> ended = clients.askTogether();
        for (int i = 0; i < ended.size(); i++) {
            after.ended(i, ended.get(i));
        }
        return new Outage(role, during.verdict(), after.verdict());
    }

    private CompletableFuture<Void> ask(int number, Judge judge) {
        int request = number % clients.different();
        return clients.ask(request).thenAccept(end -> judge.ended(request, end));
    }
}
