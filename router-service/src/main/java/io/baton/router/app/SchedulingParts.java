package io.baton.router.app;

import io.baton.router.config.RouterConfig;
import io.baton.router.fleet.Fleet;
import io.baton.router.metrics.RouterMetrics;
import io.baton.router.prefix.PieceNames;
import io.baton.router.prefix.PrefixIndex;
import io.baton.router.run.LiveFleet;
import io.baton.router.run.Scheduling;
import io.baton.router.schedule.ScheduleSettings;
import io.baton.router.schedule.Scheduler;
import io.baton.router.schedule.Slo;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;

/** Produces what chooses workers. */
@Singleton
public class SchedulingParts {
    /** Shorter secrets can be guessed. */
    private static final int LEAST_SECRET_BYTES = 16;

    /** Stands for no secret: the same in every router, and known to everybody. */
    private static final byte[] NO_SECRET = "no secret was set".getBytes(StandardCharsets.US_ASCII);

    @Produces
    @Singleton
    LiveFleet liveFleet(Fleet fleet, PrefixIndex index) {
        return new LiveFleet(fleet, index::slot);
    }

    @Produces
    @Singleton
    PrefixIndex prefixIndex(RouterConfig config, Fleet fleet, RouterMetrics metrics) {
        PrefixIndex index = new PrefixIndex(config.prefix().maxPieces());
        fleet.onMembers(index);
        fleet.onReport(index);
        metrics.watch(index);
        return index;
    }

    @Produces
    @Singleton
    Scheduling scheduling(RouterConfig config, LiveFleet live, PrefixIndex index) {
        RouterConfig.Schedule schedule = config.schedule();
        ScheduleSettings settings = new ScheduleSettings(
                config.policy(),
                schedule.disaggregation(),
                schedule.expectedOutput(),
                config.reserveCap(),
                seconds(schedule.handOverTime()),
                schedule.localTokens());
        Slo slo = new Slo(
                seconds(config.schedule().ttftTarget()),
                seconds(config.schedule().itlTarget()));
        return new Scheduling(new Scheduler(settings, index), live, pieces(config.prefix()), slo);
    }

    private static Scheduling.Pieces pieces(RouterConfig.Prefix settings) {
        int most = settings.maxRequestPieces();
        return most < 1
                ? Scheduling.Pieces.NONE
                : new PieceNames(
                        settings.secretFile().map(SchedulingParts::secret).orElse(NO_SECRET), most);
    }

    static byte[] secret(String file) {
        byte[] secret;
        try {
            secret = Files.readString(Path.of(file)).strip().getBytes(StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new IllegalArgumentException("baton.router.prefix.secret-file=" + file + " cannot be read: " + e, e);
        }
        if (secret.length < LEAST_SECRET_BYTES) {
            throw new IllegalArgumentException("baton.router.prefix.secret-file=" + file + " holds " + secret.length
                    + " bytes; a secret has at least " + LEAST_SECRET_BYTES);
        }
        return secret;
    }

    private static double seconds(Duration duration) {
        return duration.toNanos() / 1e9;
    }
}
