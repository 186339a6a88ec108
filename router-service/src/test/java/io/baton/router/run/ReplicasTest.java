package io.baton.router.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.inference.v1.Prompt;
import io.baton.router.config.Disaggregation;
import io.baton.router.config.SchedulingPolicy;
import io.baton.router.fake.Await;
import io.baton.router.fake.FakeDecode;
import io.baton.router.fake.FakePrefill;
import io.baton.router.fake.FakeWorker;
import io.baton.router.fake.Samples;
import io.baton.router.fleet.Fleet;
import io.baton.router.fleet.InFlight;
import io.baton.router.fleet.Worker;
import io.baton.router.fleet.WorkerView;
import io.baton.router.life.Generation;
import io.baton.router.prefix.PieceNames;
import io.baton.router.prefix.PrefixIndex;
import io.baton.router.schedule.Candidate;
import io.baton.router.schedule.Pick;
import io.baton.router.schedule.ScheduleSettings;
import io.baton.router.schedule.Scheduler;
import io.baton.router.schedule.Slo;
import io.baton.tls.ServiceTls;
import io.baton.worker.v1.CacheReport;
import io.baton.worker.v1.WatchResponse;
import io.netty.channel.nio.NioEventLoopGroup;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Several routers in front of one fleet: they know the same, and count nothing twice. */
class ReplicasTest {
    private static final String PROMPT = "a long prompt ".repeat(500);

    private final NioEventLoopGroup group = new NioEventLoopGroup(2);
    private final FakePrefill a = new FakePrefill();
    private final FakePrefill b = new FakePrefill();
    private final FakeDecode decode = new FakeDecode();
    private final List<Router> routers = new ArrayList<>();

    /** What of a router chooses. */
    private final class Router {
        final PrefixIndex index = new PrefixIndex(10_000);
        final Fleet fleet = new Fleet(
                List.of(a.address(), b.address()),
                List.of(decode.address()),
                Harness.Settings.usual(),
                Disaggregation.ALWAYS,
                group,
                ServiceTls.plaintext());
        final PieceNames names = new PieceNames("the secret of all".getBytes(StandardCharsets.UTF_8), 100);
        final Scheduling scheduling;

        Router(SchedulingPolicy policy) {
            fleet.onMembers(index);
            fleet.onReport(index);
            scheduling = new Scheduling(
                    new Scheduler(new ScheduleSettings(policy, Disaggregation.ALWAYS, 256, 8192), index),
                    new LiveFleet(fleet, index::slot),
                    names,
                    new Slo(2, 0.1));
            fleet.start();
            Await.until(
                    () -> "workers: " + fleet.views(),
                    () -> fleet.views().stream().allMatch(WorkerView::healthy));
            routers.add(this);
        }

        Pick pick() {
            Generation generation = new Generation("r", "r", "", Samples.request(PROMPT, 10));
            return scheduling.start(scheduling.facts(generation)).orElseThrow();
        }

        String prefill() {
            Candidate prefill = pick().prefill();
            return prefill == null ? "none" : prefill.address();
        }

        InFlight sent(FakeWorker worker) {
            return Objects.requireNonNull(fleet.worker(worker.address())).inFlight();
        }

        List<Long> pieces() {
            List<Long> pieces = new ArrayList<>();
            for (long piece : names.of(
                    "", Samples.MODEL, Prompt.newBuilder().setText(PROMPT).build())) {
                pieces.add(piece);
            }
            return pieces;
        }
    }

    @AfterEach
    void close() {
        routers.forEach(r -> r.fleet.close());
        a.close();
        b.close();
        decode.close();
        group.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
    }

    private static WatchResponse with(WatchResponse report, CacheReport cache) {
        return report.toBuilder().setCache(cache).build();
    }

    private static CacheReport everything(List<Long> pieces) {
        return CacheReport.newBuilder()
                .setSnapshot(true)
                .setSequence(pieces.size())
                .addAllAdded(pieces)
                .build();
    }

    @Test
    void shouldAllPickTheWorkerThatHasThePrompt() {
        // Given
        for (int i = 0; i < 3; i++) {
            var _ = new Router(SchedulingPolicy.PREFIX);
        }
        List<Long> pieces = routers.getFirst().pieces();
        // When
        b.edit(report -> with(report, everything(pieces)));
        // Then
        for (Router router : routers) {
            Await.until(() -> "it knows", () -> router.index.size() == pieces.size());
            assertThat(router.pieces()).isEqualTo(pieces);
            for (int i = 0; i < 4; i++) {
                assertThat(router.prefill()).isEqualTo(b.address());
            }
            assertThat(router.pick().prefillCached()).isPositive();
        }
    }

    @Test
    void shouldKnowTheCachesWithTheFirstReportAfterARestart() {
        // Given
        Router before = new Router(SchedulingPolicy.PREFIX);
        List<Long> pieces = before.pieces();
        b.edit(report -> with(report, everything(pieces)));
        before.fleet.close();
        // When
        Router after = new Router(SchedulingPolicy.PREFIX);
        // Then: nothing but that its workers are healthy was waited for, and a worker is from its first report on
        assertThat(after.index.size()).isEqualTo(pieces.size());
        assertThat(after.prefill()).isEqualTo(b.address());
    }

    @Test
    void shouldAskForEverythingAgainAfterAGap() {
        // Given
        Router router = new Router(SchedulingPolicy.PREFIX);
        List<Long> pieces = router.pieces();
        b.edit(report -> with(report, everything(pieces)));
        Await.until(() -> "it knows", () -> router.index.size() == pieces.size());
        // When: a report is missing, and every stream after it begins with everything
        b.edit(report -> with(
                report,
                CacheReport.newBuilder()
                        .setFollows(pieces.size() + 5)
                        .setSequence(pieces.size() + 6)
                        .addAdded(1)
                        .build()));
        Await.until(() -> "it forgets", () -> router.index.size() == 0);
        b.edit(report -> with(report, everything(pieces)));
        // Then
        Await.until(() -> "it knows again", () -> router.index.size() == pieces.size());
        Await.until(() -> "the worker is used again", () -> router.prefill().equals(b.address()));
    }

    @Test
    void shouldCountEachOthersWorkByTheWorkersWordAlone() {
        // Given
        for (int i = 0; i < 3; i++) {
            var _ = new Router(SchedulingPolicy.LEAST_LOADED);
        }
        Router first = routers.getFirst();
        // When one of them sends work to a, and a has not told of it
        InFlight.Entry leg = first.sent(a).opened(1000, 1000);
        // Then
        assertThat(first.prefill()).isEqualTo(b.address());
        assertThat(first.prefill()).isEqualTo(b.address());
        // When a answers, and then tells of it
        leg.answered();
        a.edit(report -> {
            WatchResponse.Builder told = report.toBuilder();
            told.getLoadBuilder().setWaiting(1).setQueuedTokens(1000);
            return told.build();
        });
        // Then all of them know of it, and none counts it twice
        for (Router router : routers) {
            Worker worker = Objects.requireNonNull(router.fleet.worker(a.address()));
            Await.until(
                    () -> "it is told",
                    () -> worker.view().last() != null
                            && Objects.requireNonNull(worker.view().last())
                                            .getLoad()
                                            .getQueuedTokens()
                                    == 1000);
            Await.until(() -> "it is counted once", () -> worker.inFlight().tokens() == 0);
            assertThat(router.prefill()).isEqualTo(b.address());
            assertThat(router.prefill()).isEqualTo(b.address());
        }
    }
}
