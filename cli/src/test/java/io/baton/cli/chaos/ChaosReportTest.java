package io.baton.cli.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.baton.cli.launch.Role;
import io.baton.engine.text.TokenIds;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.Completion;
import io.baton.inference.v1.FinishReason;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import java.time.Duration;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** A run that fails says why in one line each. */
class ChaosReportTest {
    private static final Map<String, Double> HARM = Map.of(ChaosRun.RETRIES, 3.0, ChaosRun.MOVED, 2.0);

    private static Judge.Verdict verdict(
            int equal, int different, Map<ErrorCode, Integer> failed, Map<ErrorCode, Integer> refused) {
        int all = equal
                + different
                + failed.values().stream().mapToInt(i -> i).sum()
                + refused.values().stream().mapToInt(i -> i).sum();
        return new Judge.Verdict(
                all,
                equal,
                different,
                failed,
                refused,
                0,
                different > 0 || !failed.isEmpty() ? List.of("request 7 was odd") : List.of(),
                refused.isEmpty() ? List.of() : List.of("request 9 was not admitted"),
                firsts(failed.keySet(), refused.keySet()),
                List.of(1L));
    }

    private static Map<ErrorCode, String> firsts(Set<ErrorCode> failed, Set<ErrorCode> refused) {
        Map<ErrorCode, String> firsts = new EnumMap<>(ErrorCode.class);
        refused.forEach(code -> firsts.put(code, "request 9 ended: " + code + ": its message"));
        failed.forEach(code -> firsts.put(code, "request 7 ended: " + code + ": its message"));
        return firsts;
    }

    private static Map<Fault, Integer> every() {
        Map<Fault, Integer> all = new EnumMap<>(Fault.class);
        for (Fault fault : Fault.values()) {
            all.put(fault, 1);
        }
        return all;
    }

    private static ChaosReport report(
            Judge.Verdict clients, Map<Fault, Integer> faults, List<Outages.Outage> outages, List<String> left) {
        return new ChaosReport(new ChaosReport.Offered(10, 4, 0), clients, faults, HARM, outages, left);
    }

    @Test
    void shouldPassWhenEveryAnswerIsTheUndisturbedOne() {
        Judge.Verdict clients = verdict(96, 0, Map.of(), Map.of(ErrorCode.NO_WORKER, 4));

        assertThat(report(clients, every(), List.of(), List.of()).wrong()).isEmpty();
    }

    @Test
    void shouldSayWhatIsWrong() {
        Map<Fault, Integer> faults = every();
        faults.remove(Fault.CORRUPT_KV);
        Judge.Verdict clients = verdict(90, 1, Map.of(ErrorCode.WORKER_LOST, 1), Map.of(ErrorCode.NO_WORKER, 8));

        List<String> wrong = report(clients, faults, List.of(), List.of("decode-1: baton_kv_pinned_bytes = 5.0"))
                .wrong();

        assertThat(wrong)
                .containsExactly(
                        "only 92 of 100 requests were admitted: {NO_WORKER=8}; first request 9 was not admitted",
                        "1 admitted requests failed: {WORKER_LOST=1}; first request 7 was odd",
                        "1 answers were not those of the undisturbed run; first request 7 was odd",
                        "CORRUPT_KV never happened, though it was tried again and again",
                        "at rest something is held: decode-1: baton_kv_pinned_bytes = 5.0");
    }

    @Test
    void shouldFailWithoutHarm() {
        ChaosReport report = new ChaosReport(
                new ChaosReport.Offered(10, 4, 0),
                verdict(100, 0, Map.of(), Map.of()),
                every(),
                Map.of(ChaosRun.RETRIES, 1.0),
                List.of(),
                List.of());

        assertThat(report.wrong()).containsExactly(ChaosRun.MOVED + " is zero: the faults did no harm");
    }

    @Test
    void shouldJudgeATotalOutage() {
        Judge.Verdict all = verdict(60, 0, Map.of(), Map.of());
        var good = new Outages.Outage(
                Role.DECODE, verdict(10, 0, Map.of(ErrorCode.WORKER_LOST, 1), Map.of(ErrorCode.NO_WORKER, 9)), all);
        var bad = new Outages.Outage(
                Role.PREFILL,
                verdict(10, 1, Map.of(ErrorCode.INTERNAL, 1), Map.of()),
                verdict(59, 0, Map.of(), Map.of(ErrorCode.NO_WORKER, 1)));

        assertThat(good.wrong()).isEmpty();
        assertThat(bad.wrong())
                .containsExactly(
                        "total outage of prefill: 1 answers were other ones; first request 7 was odd",
                        "total outage of prefill: requests ended with [INTERNAL], which does not say that a worker is missing; first request 7 ended: INTERNAL: its message",
                        "total outage of prefill: no request was refused with NO_WORKER: it was none",
                        "total outage of prefill: afterwards only 59 of 60 requests were answered as before; first request 9 was not admitted");
        assertThat(report(all, every(), List.of(good, bad), List.of()).wrong()).isEqualTo(bad.wrong());
    }

    @Test
    void shouldTellTheMessageOfEveryKindOfEnd() {
        // Given more ends of one kind than are kept
        Call.Answer answer = answer("ab", FinishReason.FINISH_REASON_LENGTH, 1, 2, 3);
        ManagedChannel unused =
                NettyChannelBuilder.forAddress("127.0.0.1", 1).usePlaintext().build();
        try {
            Clients clients = new Clients(unused, Asked.of(2, 1), Duration.ofSeconds(1));
            Judge judge = new Judge(clients, List.of(answer, answer), () -> "outage");
            for (int i = 0; i < 100; i++) {
                judge.ended(0, ended(answer, false, ErrorCode.NO_WORKER, "none is there"));
            }

            // When
            judge.ended(0, ended(answer, false, ErrorCode.INTERNAL, "refused for no reason"));
            judge.ended(1, ended(answer, true, ErrorCode.WORKER_LOST, "it was lost"));
            judge.ended(1, ended(answer, true, ErrorCode.INTERNAL, "a later one"));

            // Then
            Outages.Outage outage =
                    new Outages.Outage(Role.DECODE, judge.verdict(), verdict(60, 0, Map.of(), Map.of()));
            assertThat(outage.wrong())
                    .singleElement()
                    .asString()
                    .contains("request 0 (", "was not admitted: INTERNAL: refused for no reason [outage]")
                    .doesNotContain("a later one", "it was lost", "none is there");
        } finally {
            unused.shutdownNow();
        }
    }

    private static Call.Ended ended(Call.Answer answer, boolean admitted, ErrorCode code, String message) {
        return new Call.Ended(admitted, answer, Optional.of(new BatonException(code, message)), 1);
    }

    @Test
    void shouldSayInWhatAnAnswerDiffers() {
        Call.Answer want = answer("ab", FinishReason.FINISH_REASON_LENGTH, 1, 2, 3);

        assertThat(Judge.difference(answer("ab", FinishReason.FINISH_REASON_LENGTH, 1, 5, 3), want))
                .isEqualTo("token 1: expected 2, got 5 (of 3 and 3 tokens)");
        assertThat(Judge.difference(answer("ab", FinishReason.FINISH_REASON_LENGTH, 1, 2), want))
                .isEqualTo("token 2: expected 3, got the end (of 3 and 2 tokens)");
        assertThat(Judge.difference(answer("ac", FinishReason.FINISH_REASON_LENGTH, 1, 2, 3), want))
                .contains("expected \"ab\", got \"ac\"");
        assertThat(Judge.difference(answer("ab", FinishReason.FINISH_REASON_STOP, 1, 2, 3), want))
                .contains("expected {reason: FINISH_REASON_LENGTH}, got {reason: FINISH_REASON_STOP}");
    }

    private static Call.Answer answer(String text, FinishReason reason, int... ids) {
        ByteString encoded = TokenIds.encode(ids);
        return new Call.Answer(
                encoded, text, Completion.newBuilder().setReason(reason).build());
    }
}
