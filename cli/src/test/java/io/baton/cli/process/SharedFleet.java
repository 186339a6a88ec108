package io.baton.cli.process;

import io.baton.cli.launch.EngineSpec;
import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.FleetSpec;
import io.baton.cli.launch.Role;
import java.nio.file.Path;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * The one fleet that runs at a time. Starting three services takes seconds, so tests that want the same fleet get the same
 * one; a test that wants another ends it.
 */
final class SharedFleet {
    private static @Nullable Fleet current;
    private static @Nullable FleetSpec currentSpec;

    private SharedFleet() {}

    /** A running fleet of this kind. Whoever gets it leaves it idle and alive. */
    static synchronized Fleet of(FleetSpec spec) {
        if (current != null && spec.equals(currentSpec)) {
            return current;
        }
        close();
        Fleet started = Fleet.start(spec, line -> {});
        current = started;
        currentSpec = spec;
        return started;
    }

    /** Ends the current one, for a test that needs the machine or starts its own. */
    static synchronized void close() {
        if (current != null) {
            current.close();
        }
        current = null;
        currentSpec = null;
    }

    /**
     * One prefill and one decode worker on this engine, with a store that fits a laptop. Every prompt is handed over, unless
     * the test says otherwise.
     */
    static FleetSpec.Builder spec(EngineSpec engine) {
        return FleetSpec.builder(TestModel.root(), engine)
                .runs(runs())
                .readyTimeout(Duration.ofMinutes(3))
                .executables(executables())
                .setting(Role.ROUTER, "baton.router.schedule.disaggregation", "always")
                .setting("baton.kv.store-size", "256M");
    }

    /** Whether the services are native executables: {@code -Dbaton.native=true}, as ./baton test --native sets it. */
    static boolean executables() {
        return Boolean.getBoolean("baton.native");
    }

    /** Runs of tests lie apart, so that ./baton down does not end them. */
    static Path runs() {
        return TestModel.root().resolve("cli/target/process-runs");
    }
}
