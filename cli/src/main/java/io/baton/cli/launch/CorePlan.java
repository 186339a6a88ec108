package io.baton.cli.launch;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * Which cores each process of a fleet runs on. The engine's threads meet at spinning barriers, so two engines that share a
 * core slow each other down by a factor, not by a half: every worker gets cores of its own, or, where there are fewer
 * cores than workers, one unpinned thread.
 *
 * <p><em>Thread-safety:</em> immutable.
 *
 * @param workers cores per worker, in the order of the workers; an empty list means unpinned
 * @param router cores of the router; an empty list means unpinned
 * @param threads engine threads per worker: its physical cores
 * @param crowded whether there are fewer cores than workers, so that performance means nothing
 */
public record CorePlan(List<List<Integer>> workers, List<Integer> router, int threads, boolean crowded) {
    /** Copies the lists. */
    public CorePlan {
        workers = workers.stream().map(List::copyOf).toList();
        router = List.copyOf(router);
    }

    /** Nobody is pinned; every worker runs this many threads. */
    static CorePlan unpinned(int workers, int threads, boolean crowded) {
        return new CorePlan(java.util.Collections.nCopies(workers, List.of()), List.of(), threads, crowded);
    }

    /**
     * Divides physical cores. One is left to the router if there is one more than workers; what the division leaves over is
     * the router's too. Where there are too few physical cores, hardware threads are divided instead.
     *
     * @param workers number of workers, at least 1
     * @param physical hardware threads by physical core, as far as this process may use them
     */
    static CorePlan divide(int workers, List<List<Integer>> physical) {
        List<List<Integer>> units = physical;
        if (units.size() < workers) {
            units = physical.stream().flatMap(List::stream).map(List::of).toList();
        }
        if (units.size() < workers) {
            return unpinned(workers, 1, true);
        }
        int share = units.size() == workers ? 1 : Math.max(1, (units.size() - 1) / workers);
        List<List<Integer>> plan = new ArrayList<>();
        for (int w = 0; w < workers; w++) {
            plan.add(flatten(units.subList(w * share, (w + 1) * share)));
        }
        return new CorePlan(plan, flatten(units.subList(workers * share, units.size())), share, false);
    }

    /** {@link #divide} over the cores of this machine. */
    static CorePlan ofMachine(int workers) {
        return divide(workers, physicalCores(ProcFs.allowedCores()));
    }

    private static List<List<Integer>> physicalCores(List<Integer> allowed) {
        List<List<Integer>> cores = new ArrayList<>();
        Set<Integer> seen = new LinkedHashSet<>();
        for (int core : allowed) {
            if (!seen.contains(core)) {
                List<Integer> siblings =
                        ProcFs.siblings(core).stream().filter(allowed::contains).toList();
                seen.addAll(siblings);
                seen.add(core);
                cores.add(siblings.isEmpty() ? List.of(core) : siblings);
            }
        }
        return cores;
    }

    private static List<Integer> flatten(List<List<Integer>> units) {
        return units.stream().flatMap(List::stream).sorted().toList();
    }
}
