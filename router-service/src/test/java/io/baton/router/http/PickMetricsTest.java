package io.baton.router.http;

import static io.baton.router.http.Http.COMPLETIONS;
import static org.assertj.core.api.Assertions.assertThat;

import io.baton.router.fake.Await;
import io.baton.router.fake.Fakes;
import io.baton.router.fake.WithApiKeys;
import io.baton.router.fake.WithLittleRoom;
import io.baton.worker.v1.CacheReport;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import java.net.http.HttpRequest.BodyPublishers;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What the metrics say of picks and of prefix caches. */
@QuarkusTest
@TestProfile(WithLittleRoom.class)
@QuarkusTestResource(Fakes.class)
class PickMetricsTest extends WithFakes {
    /** Three pieces of 1 KiB. */
    private static final String BODY = "{\"max_tokens\":3,\"prompt\":\"" + "a long prompt ".repeat(230) + "\"}";

    @AfterEach
    void forget() {
        prefill.edit(UnaryOperator.identity());
    }

    private double picks(String mode) {
        return http.get("/q/metrics")
                .body()
                .lines()
                .filter(l -> l.startsWith("baton_router_picks_total{mode=\"" + mode + "\"}"))
                .mapToDouble(l -> Double.parseDouble(l.substring(l.lastIndexOf(' ') + 1)))
                .sum();
    }

    private int ask() {
        return http.send(http.to(COMPLETIONS)
                        .header("Authorization", "Bearer " + WithApiKeys.ACME)
                        .POST(BodyPublishers.ofString(BODY))
                        .build())
                .statusCode();
    }

    private void report(List<Long> pieces) {
        prefill.edit(told -> told.toBuilder()
                .setCache(CacheReport.newBuilder()
                        .setSnapshot(true)
                        .setSequence(pieces.size())
                        .addAllAdded(pieces))
                .build());
    }

    private void awaitMetric(String name, double value) {
        Await.until(() -> name + " " + http.metric(name), () -> http.metric(name) == value);
    }

    @Test
    void shouldCountPicksAndThoseThatFoundSomethingCached() {
        // Given
        double before = picks("disaggregated");
        double cached = http.metric("baton_router_prefix_picks_total");
        // When
        assertThat(ask()).isEqualTo(200);
        // Then: one for the prompt, one for decode
        assertThat(picks("disaggregated")).isEqualTo(before + 2);
        assertThat(picks("local")).isZero();
        assertThat(http.metric("baton_router_prefix_picks_total")).isEqualTo(cached);
        // When prefill has the prompt
        List<Long> pieces = prefill.leg().received().getFirst().getStart().getPiecesList();
        assertThat(pieces).hasSize(3);
        report(pieces);
        awaitMetric("baton_router_prefix_pieces", 3);
        assertThat(ask()).isEqualTo(200);
        // Then: only prefill has it
        assertThat(http.metric("baton_router_prefix_picks_total")).isEqualTo(cached + 1);
    }

    @Test
    void shouldCountPiecesAndThoseThatWereNotLearned() {
        // Given
        report(List.of());
        awaitMetric("baton_router_prefix_pieces", 0);
        double dropped = http.metric("baton_router_prefix_dropped_total");
        // When: two more than there is room for
        report(LongStream.rangeClosed(1, 6).boxed().toList());
        // Then
        awaitMetric("baton_router_prefix_pieces", 4);
        assertThat(http.metric("baton_router_prefix_dropped_total")).isGreaterThanOrEqualTo(dropped + 2);
    }
}
