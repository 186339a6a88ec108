package io.baton.cli.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import io.baton.cli.bench.KvBenchLink.Way;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.transfer.SenderConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.function.ToDoubleFunction;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** {@code baton bench kv}: how fast KV blocks are pulled, beside a bare socket. */
@Command(
        name = "kv",
        mixinStandardHelpOptions = true,
        header = "Measure how fast KV blocks are pulled from another process.",
        description = {
            "Two ways alternate over loopback TCP between the same two processes, with the same blocks and the same"
                    + " target memory: Baton's own pull (descriptor checked by both sides, gRPC, rows checked by CRC32C"
                    + " on arrival, several pulls at once as a decode worker has them), and a bare blocking NIO socket"
                    + " between native memory that checks nothing. What counts is the ratio; rates are this machine's."
        })
public final class KvBench implements Callable<Integer> {
    /** Share of the bare socket's rate that the pull must reach. */
    static final double BAR = 0.8;

    private static final double GIGA = 1e9;

    @Option(
            names = "--seconds",
            defaultValue = "12",
            description = "Time to measure in all (default: ${DEFAULT-VALUE}).")
    private int seconds;

    @Option(
            names = "--block-bytes",
            defaultValue = "8MiB",
            description = "Bytes of a block, a multiple of 4 KiB (default: ${DEFAULT-VALUE}).")
    private String blockBytes = "8MiB";

    @Option(names = "--frame", description = "Bytes of rows per message (default: what Baton uses, 256KiB).")
    private @Nullable String frame;

    @Option(
            names = "--pulls",
            defaultValue = "4",
            description = "Pulls at once (default: ${DEFAULT-VALUE}, as a decode worker).")
    private int pulls;

    @Option(
            names = "--warm-up",
            paramLabel = "SECONDS",
            defaultValue = "40",
            description = "Time to pull before measuring, until the code is compiled (default: ${DEFAULT-VALUE}).")
    private int warmUp;

    @Option(names = "--json", paramLabel = "FILE", description = "Also writes the figures to FILE.")
    private @Nullable Path json;

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec spec;

    /** One round. */
    record Round(Way pull, Way bare) {
        double ratio() {
            return pull.rate() / bare.rate();
        }
    }

    @Override
    public Integer call() throws IOException, InterruptedException, ExecutionException {
        long block = bytes("--block-bytes", blockBytes, 4096, 1L << 30);
        if (block % 4096 != 0) {
            throw new ParameterException(spec.commandLine(), "--block-bytes must be a multiple of 4096");
        }
        int frameBytes =
                frame == null ? SenderConfig.DEFAULT_FRAME_BYTES : (int) bytes("--frame", frame, 1 << 10, 16 << 20);
        if (seconds < 1 || pulls < 1 || warmUp < 0) {
            throw new ParameterException(
                    spec.commandLine(), "--seconds and --pulls must be at least 1, --warm-up not negative");
        }
        PrintWriter out = spec.commandLine().getOut();
        List<Round> rounds = measure(out, block, frameBytes);
        report(out, block, frameBytes, rounds);
        return 0;
    }

    private List<Round> measure(PrintWriter out, long block, int frameBytes)
            throws IOException, InterruptedException, ExecutionException {
        // Rounds of a second at most, at least five; the first warms both ways up and does not count.
        int count = Math.max(5, seconds / 2);
        long nanos = (long) (seconds * GIGA / 2 / count);
        List<Round> rounds = new ArrayList<>();
        try (var link = KvBenchLink.open(block, frameBytes, pulls)) {
            link.verify();
            link.warmUp(Duration.ofSeconds(warmUp));
            link.bare(nanos);
            out.println("round   pull GB/s   bare GB/s   ratio   pull CPU s/GB   bare CPU s/GB");
            for (int r = 0; r < count; r++) {
                // Who goes first alternates, so that a machine that changes speed favours neither.
                @Nullable Way first = r % 2 == 0 ? link.bare(nanos) : null;
                Way pull = link.pull(nanos);
                var round = new Round(pull, first == null ? link.bare(nanos) : first);
                rounds.add(round);
                out.printf(
                        Locale.ROOT,
                        "%5d   %9.2f   %9.2f   %5.2f   %13.2f   %13.2f%n",
                        r + 1,
                        pull.rate() / GIGA,
                        round.bare().rate() / GIGA,
                        round.ratio(),
                        pull.cpu(),
                        round.bare().cpu());
                out.flush();
            }
        }
        return rounds;
    }

    private void report(PrintWriter out, long block, int frameBytes, List<Round> rounds) throws IOException {
        double pull = median(rounds, r -> r.pull().rate());
        double bare = median(rounds, r -> r.bare().rate());
        double ratio = median(rounds, Round::ratio);
        double pullCpu = median(rounds, r -> r.pull().cpu());
        double bareCpu = median(rounds, r -> r.bare().cpu());
        out.printf(
                Locale.ROOT,
                "%nmedian of %d rounds: pull %.2f GB/s, bare socket %.2f GB/s, ratio %.2f (at least %.2f wanted: %s)%n",
                rounds.size(),
                pull / GIGA,
                bare / GIGA,
                ratio,
                BAR,
                ratio >= BAR ? "reached" : "missed");
        out.printf(Locale.ROOT, "CPU of both processes: pull %.2f s/GB, bare socket %.2f s/GB%n", pullCpu, bareCpu);
        out.printf(
                "blocks of %d bytes, frames of %d bytes, %d pulls at once, loopback, %d processors%n",
                block, frameBytes, pulls, Runtime.getRuntime().availableProcessors());
        out.flush();
        if (json != null) {
            Map<String, Object> figures = new LinkedHashMap<>();
            figures.put("block_bytes", block);
            figures.put("frame_bytes", frameBytes);
            figures.put("concurrent_pulls", pulls);
            figures.put("processors", Runtime.getRuntime().availableProcessors());
            figures.put("java", Runtime.version().toString());
            figures.put("pull_bytes_per_second", Math.round(pull));
            figures.put("bare_bytes_per_second", Math.round(bare));
            figures.put("pull_cpu_seconds_per_gigabyte", pullCpu);
            figures.put("bare_cpu_seconds_per_gigabyte", bareCpu);
            figures.put("ratio", ratio);
            figures.put("bar", BAR);
            figures.put(
                    "rounds",
                    rounds.stream()
                            .map(r -> Map.of(
                                    "pull_bytes_per_second", Math.round(r.pull().rate()),
                                    "bare_bytes_per_second", Math.round(r.bare().rate())))
                            .toList());
            new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValue(json.toFile(), figures);
        }
    }

    /** The middle value; of an even number of values the mean of the two in the middle. */
    static <T> double median(List<T> values, ToDoubleFunction<T> figure) {
        double[] sorted = values.stream().mapToDouble(figure).sorted().toArray();
        int middle = sorted.length / 2;
        return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    private long bytes(String option, String text, long min, long max) {
        long value;
        try {
            value = parseBytes(text);
        } catch (NumberFormatException | ArithmeticException e) {
            throw new ParameterException(
                    spec.commandLine(), option + " must be a number of bytes such as 262144, 256KiB or 8MiB", e);
        }
        if (value < min || value > max) {
            throw new ParameterException(
                    spec.commandLine(), option + " must be from " + min + " to " + max + " bytes, not " + value);
        }
        return value;
    }

    /** Reads a number with KiB, MiB or GiB after it, or nothing. */
    static long parseBytes(String text) {
        String t = text.strip().toLowerCase(Locale.ROOT);
        int shift = t.endsWith("kib") ? 10 : t.endsWith("mib") ? 20 : t.endsWith("gib") ? 30 : 0;
        String digits = shift == 0 ? t : t.substring(0, t.length() - 3).strip();
        return Math.multiplyExact(Long.parseLong(digits), 1L << shift);
    }

    static BatonException broken(String what) {
        return new BatonException(ErrorCode.INTERNAL, "the benchmark's other process " + what);
    }
}
