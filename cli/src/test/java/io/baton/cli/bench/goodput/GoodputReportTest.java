package io.baton.cli.bench.goodput;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.baton.router.config.Disaggregation;
import io.baton.router.config.SchedulingPolicy;
import io.baton.router.schedule.Slo;
import java.io.ByteArrayInputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;

class GoodputReportTest {
    private static final Sweep SWEEP =
            new Sweep(3, 1, List.of(1.0, 4.0), List.of(1L, 2L), 40, Costs.example(), new Slo(4, 0.05), 512, false);

    private static GoodputReport measured() {
        return new GoodputReport(SWEEP, "test", SWEEP.run(SyntheticTrace.make(60, 1), line -> {}));
    }

    private static Figures figures(Variant variant, double rate, Double... goodput) {
        return new Figures(variant, rate, List.of(goodput), 0, 0, new Histogram(), new Histogram());
    }

    @Test
    void shouldComparePoliciesAndModesAtEqualNumbersOfGpus() {
        assertThat(SWEEP.compared()).hasSize(12).allMatch(v -> v.prefills() + v.decodes() == 3);
        assertThat(SWEEP.splits()).hasSize(4).allMatch(v -> v.prefills() + v.decodes() == 3);
        assertThat(SWEEP.compared().getFirst())
                .isEqualTo(new Variant(SchedulingPolicy.AUTO, Disaggregation.AUTO, 1, 2));
    }

    @Test
    void shouldPrintAndWriteEveryVariantAtEveryRate() throws Exception {
        // When
        GoodputReport report = measured();
        StringWriter text = new StringWriter();
        report.print(new PrintWriter(text));
        Document svg = DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new ByteArrayInputStream(report.svg().getBytes(StandardCharsets.UTF_8)));

        // Then
        SWEEP.compared().forEach(v -> assertThat(text.toString()).contains(v.label()));
        assertThat(report.json().get("figures")).hasSize(2 * 14);
        assertThat(svg.getElementsByTagName("polyline").getLength()).isEqualTo(5 + 3 + 2);
    }

    @Test
    void shouldSayWhereAutoIsNotTheBest() {
        // Given: everything equal, but for one variant at one rate past half of the knee
        Map<Variant, List<Figures>> all = new LinkedHashMap<>();
        for (Variant v : SWEEP.compared()) {
            double more = v.policy() == SchedulingPolicy.PREFIX && v.mode() == Disaggregation.NEVER ? 0.5 : 0;
            all.put(v, List.of(figures(v, 1, 1.0 + more, 1.0 + more), figures(v, 4, 3.0 + more, 3.1 + more)));
        }

        // When
        List<String> beaten = new GoodputReport(SWEEP, "test", all).beaten();

        // Then
        assertThat(beaten).isNotEmpty().allMatch(line -> line.contains("prefix, aggregated 3 GPUs"));
    }

    @Test
    void shouldTakeTheIntervalOfPairs() {
        // Given: the differences are 1 and 2; their mean's standard error is 0.5
        Variant v = SWEEP.compared().getFirst();
        Figures one = figures(v, 4, 3.0, 2.0);
        Figures other = figures(v, 4, 2.0, 0.0);

        // Then
        assertThat(one.better(other)).isCloseTo(1.5, within(1e-9));
        assertThat(one.interval(other)).isCloseTo(12.706 * 0.5, within(1e-9));
    }

    @Test
    void shouldGivePercentilesWithinOnePercent() {
        // Given
        Histogram h = new Histogram();
        for (int i = 1; i <= 1000; i++) {
            h.add(i / 1000.0);
        }

        // Then
        assertThat(h.percentile(50)).isBetween(0.5, 0.506);
        assertThat(h.percentile(99)).isBetween(0.99, 1.0);
        assertThat(h.total()).isEqualTo(1000);
    }
}
