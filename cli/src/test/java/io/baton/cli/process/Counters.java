package io.baton.cli.process;

import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.Metrics;
import io.baton.cli.launch.Role;
import io.baton.cli.launch.RunState;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/** What the workers' metrics say, summed over the workers of a role. */
record Counters(double prefillComputed, double decodeComputed, double pulledBytes, double pulledBlocks) {
    private static final Map<String, String> IN = Map.of("direction", "in");

    static Counters of(Fleet fleet) {
        return new Counters(
                sum(fleet, Role.PREFILL, "baton_prefill_computed_tokens_total", Map.of()),
                sum(fleet, Role.DECODE, "baton_decode_computed_prompt_tokens_total", Map.of()),
                sum(fleet, Role.DECODE, "baton_kv_transfer_bytes_total", IN),
                sum(fleet, Role.DECODE, "baton_kv_transfer_blocks_total", IN));
    }

    /** What was counted since. */
    Counters minus(Counters before) {
        return new Counters(
                prefillComputed - before.prefillComputed,
                decodeComputed - before.decodeComputed,
                pulledBytes - before.pulledBytes,
                pulledBlocks - before.pulledBlocks);
    }

    /** Waits until nothing is held for any request: no pinned block, no reserved cell, no open stream, anywhere. */
    static void awaitNothingHeld(Fleet fleet) {
        Await.untilEmpty(() -> {
            List<String> held = new ArrayList<>();
            for (Role role : List.of(Role.PREFILL, Role.DECODE)) {
                for (String gauge : List.of(
                        "baton_kv_pinned_bytes",
                        "baton_engine_reserved_cells",
                        "baton_engine_used_cells",
                        "baton_engine_open_sequences",
                        "baton_open_legs",
                        "baton_open_streams")) {
                    add(held, role, gauge, sum(fleet, role, gauge, Map.of()));
                }
            }
            for (String gauge : List.of("baton_router_open_streams", "baton_router_requests_in_flight")) {
                add(held, Role.ROUTER, gauge, sum(fleet, Role.ROUTER, gauge, Map.of()));
            }
            return String.join(", ", held);
        });
    }

    /** The worker of a role that has most legs now: requests go where it is fastest or cached, and that may be one for all. */
    static RunState.Service busiest(Fleet fleet, Role role) {
        return fleet.services(role).stream()
                .max(Comparator.comparingDouble(s -> fleet.metrics(s).sum("baton_open_legs", Map.of())))
                .orElseThrow();
    }

    private static void add(List<String> held, Role role, String gauge, double value) {
        if (value != 0) {
            held.add(role.label() + " " + gauge + " = " + value);
        }
    }

    private static double sum(Fleet fleet, Role role, String name, Map<String, String> labels) {
        return fleet.services(role).stream()
                .map(fleet::metrics)
                .mapToDouble((Metrics m) -> m.sum(name, labels))
                .sum();
    }
}
