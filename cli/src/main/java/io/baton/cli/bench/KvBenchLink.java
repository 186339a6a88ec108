package io.baton.cli.bench;

import io.baton.kv.transfer.KvPuller;
import io.baton.kv.transfer.PulledBlock;
import io.baton.kv.transfer.PullerConfig;
import io.baton.kv.v1.KvDescriptor;
import java.io.BufferedReader;
import java.io.EOFException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * The receiver's side of {@link KvBench}: the holder's process, a {@link KvPuller} and a bare socket to it, and the
 * memory that both read into.
 *
 * <p><em>Thread-safety:</em> none. Owns the process and the memory.
 */
final class KvBenchLink implements AutoCloseable {
    /** Enough bytes in all that they do not stay in the CPU's caches. */
    private static final long ALL_BLOCKS = 128L << 20;

    private static final Duration PATIENCE = Duration.ofMinutes(1);
    private static final int MIN_BLOCKS = 4;
    private static final int MAX_BLOCKS = 64;

    private final Process holder;
    private final SocketChannel socket;
    private final KvPuller puller;
    private final Arena arena = Arena.ofAuto();
    private final List<KvDescriptor> blocks = new ArrayList<>();
    private final List<MemorySegment> targets = new ArrayList<>();
    private final int pulls;

    /**
     * What one way did in a round.
     *
     * @param rate bytes per second
     * @param cpu seconds of CPU of both processes per gigabyte
     */
    record Way(double rate, double cpu) {}

    private KvBenchLink(Process holder, SocketChannel socket, KvPuller puller, int pulls) {
        this.holder = holder;
        this.socket = socket;
        this.puller = puller;
        this.pulls = pulls;
    }

    static KvBenchLink open(long blockBytes, int frameBytes, int pulls) throws IOException {
        long blocks = Math.clamp(ALL_BLOCKS / blockBytes, MIN_BLOCKS, MAX_BLOCKS);
        Process holder = new ProcessBuilder(
                        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                        "-XX:+UseSerialGC",
                        "--enable-native-access=ALL-UNNAMED",
                        "--sun-misc-unsafe-memory-access=allow",
                        "-cp",
                        System.getProperty("java.class.path"),
                        KvBenchHolder.class.getName(),
                        Long.toString(blockBytes),
                        Long.toString(blocks),
                        Integer.toString(frameBytes))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        SocketChannel socket = SocketChannel.open();
        var puller = new KvPuller(
                PullerConfig.defaults()
                        .withPulls(pulls, PullerConfig.DEFAULT_MAX_QUEUED_PULLS)
                        // A benchmark waits for a busy machine instead of giving the holder up.
                        .withTimeouts(PATIENCE, PATIENCE),
                KvBenchHolder.RECEIVER,
                KvBenchHolder.layout(blockBytes));
        var link = new KvBenchLink(holder, socket, puller, pulls);
        try {
            link.connect((int) blocks);
            return link;
        } catch (IOException | RuntimeException e) {
            link.close();
            throw e;
        }
    }

    private void connect(int count) throws IOException {
        // Not closed: the process's streams end with it.
        @SuppressWarnings("StreamResourceLeak")
        BufferedReader said = holder.inputReader(StandardCharsets.US_ASCII);
        String port = line(said);
        for (int i = 0; i < count; i++) {
            KvDescriptor d = KvDescriptor.parseFrom(Base64.getDecoder().decode(line(said)));
            blocks.add(d);
            targets.add(arena.allocate(d.getSizeBytes(), 64));
        }
        socket.setOption(StandardSocketOptions.TCP_NODELAY, true);
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), Integer.parseInt(port)));
    }

    private static String line(BufferedReader said) throws IOException {
        String line = said.readLine();
        if (line == null) {
            throw KvBench.broken("did not start; its error is above");
        }
        return line;
    }

    /** Pulls every block both ways once and compares. */
    void verify() throws IOException, InterruptedException, ExecutionException {
        for (int b = 0; b < blocks.size(); b++) {
            var _ = puller.pull(blocks.get(b), targets.get(b)).get();
            MemorySegment pulled =
                    Arena.ofAuto().allocate(targets.get(b).byteSize()).copyFrom(targets.get(b));
            targets.get(b).fill((byte) 0);
            ask(b);
            receive(b);
            if (pulled.mismatch(targets.get(b)) != -1) {
                throw KvBench.broken("sent other bytes over the bare socket than were pulled");
            }
        }
    }

    /** Pulls blocks for {@code nanos}, several at once. */
    Way pull(long nanos) throws InterruptedException, ExecutionException {
        long cpu = cpuNanos();
        long start = System.nanoTime();
        long bytes = 0;
        int next = 0;
        var open = new ArrayDeque<CompletableFuture<PulledBlock>>();
        while (System.nanoTime() - start < nanos || !open.isEmpty()) {
            // As many again wait in the puller, as they do on a decode worker, so that the next starts when one ends.
            while (open.size() < 2 * pulls && System.nanoTime() - start < nanos) {
                open.add(puller.pull(blocks.get(next), targets.get(next)));
                next = (next + 1) % blocks.size();
            }
            if (!open.isEmpty()) {
                bytes += open.remove().get().bytes();
            }
        }
        return way(bytes, System.nanoTime() - start, cpuNanos() - cpu);
    }

    /** Reads blocks from the bare socket for {@code nanos}, as many asked for ahead as are pulled at once. */
    Way bare(long nanos) throws IOException {
        long cpu = cpuNanos();
        long start = System.nanoTime();
        long bytes = 0;
        int asked = 0;
        int received = 0;
        while (System.nanoTime() - start < nanos || received < asked) {
            while (asked - received < pulls && System.nanoTime() - start < nanos) {
                ask(asked++ % blocks.size());
            }
            if (received < asked) {
                bytes += receive(received++ % blocks.size());
            }
        }
        return way(bytes, System.nanoTime() - start, cpuNanos() - cpu);
    }

    /** Pulls for a while, so that the code is compiled. */
    void warmUp(Duration duration) throws InterruptedException, ExecutionException {
        long start = System.nanoTime();
        while (System.nanoTime() - start < duration.toNanos()) {
            pull(TimeUnit.MILLISECONDS.toNanos(200));
        }
    }

    /** CPU time of both processes so far, in nanoseconds. */
    long cpuNanos() {
        return cpuNanos(ProcessHandle.current()) + cpuNanos(holder.toHandle());
    }

    private static long cpuNanos(ProcessHandle process) {
        return process.info().totalCpuDuration().map(Duration::toNanos).orElse(0L);
    }

    private static Way way(long bytes, long nanos, long cpuNanos) {
        return new Way(bytes * 1e9 / nanos, cpuNanos / (double) bytes);
    }

    private void ask(int block) throws IOException {
        ByteBuffer request = ByteBuffer.wrap(new byte[] {(byte) block});
        while (request.hasRemaining()) {
            socket.write(request);
        }
    }

    private long receive(int block) throws IOException {
        ByteBuffer target = targets.get(block).asByteBuffer();
        while (target.hasRemaining()) {
            if (socket.read(target) < 0) {
                throw new EOFException("the bare socket of the benchmark ended early");
            }
        }
        return target.capacity();
    }

    @Override
    public void close() throws IOException {
        puller.close();
        socket.close();
        holder.outputWriter(StandardCharsets.US_ASCII).close();
        try {
            if (!holder.waitFor(5, TimeUnit.SECONDS)) {
                holder.destroyForcibly();
            }
        } catch (InterruptedException e) {
            holder.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
