package io.baton.cli.bench;

import com.google.protobuf.ByteString;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.TokenOutput;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvLayout;
import io.baton.worker.v1.WatchRequest;
import io.baton.worker.v1.WatchResponse;
import io.baton.worker.v1.WorkerIdentity;
import io.baton.worker.v1.WorkerRole;
import io.baton.worker.v1.WorkerServiceGrpc;
import io.baton.worker.v1.WorkerState;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * Up to some thousand workers that compute nothing, in one server: each is an address of its own in 127.0.0.0/8 (which Linux
 * takes for loopback as a whole) at one port. They speak Prefill, Decode and Watch as real workers do: a prompt of so many
 * bytes is a quarter as many tokens, its blocks are described at once, a decode worker's streams get their tokens together,
 * step by step.
 *
 * <p><em>Thread-safety:</em> thread-safe.
 */
final class SimulatedFleet implements AutoCloseable {
    /** Name of the model that every worker serves. */
    static final String MODEL = "bench";

    /** Bytes of text that make a token. */
    static final int TEXT_BYTES = 4;

    /** Most tokens of prompt and output. */
    static final int CONTEXT = 1 << 20;

    static final int MAX_MESSAGE = 16 << 20;

    /** The address under which a call came in. */
    static final Context.Key<String> ADDRESS = Context.key("address");

    private static final int LAYERS = 32;
    private static final int ROW_BYTES = 2048;
    private static final int EPOCH = 7;
    private static final Duration REPORT = Duration.ofSeconds(1);

    /** As of an 8B model: 32 layers, rows of 1024 elements in F16. */
    static final KvLayout LAYOUT = layout();

    private final int prefill;
    private final int blockSize;
    private final Server server;
    private final StepClock clock;
    private final List<Set<ServerCallStreamObserver<WatchResponse>>> watches = new ArrayList<>();
    private final ScheduledExecutorService reports = Executors.newSingleThreadScheduledExecutor();
    private final ConcurrentHashMap<Integer, ByteString> ids = new ConcurrentHashMap<>();

    private SimulatedFleet(int prefill, int decode, int blockSize, Duration step) throws IOException {
        this.prefill = prefill;
        this.blockSize = blockSize;
        this.clock = new StepClock(decode, step);
        for (int worker = 0; worker < prefill + decode; worker++) {
            watches.add(ConcurrentHashMap.newKeySet());
        }
        int port = freePort();
        NettyServerBuilder builder = NettyServerBuilder.forAddress(new InetSocketAddress(host(0), port));
        for (int worker = 1; worker < prefill + decode; worker++) {
            builder.addListenAddress(new InetSocketAddress(host(worker), port));
        }
        this.server = builder.directExecutor()
                .maxInboundMessageSize(MAX_MESSAGE)
                .flowControlWindow(1 << 20)
                .intercept(new AddressKeeper())
                .addService(new SimulatedPrefill(this))
                .addService(new SimulatedDecode(this))
                .addService(new Watch())
                .build()
                .start();
        long between = REPORT.toNanos() / watches.size();
        for (int worker = 0; worker < watches.size(); worker++) {
            int w = worker;
            var _ = reports.scheduleAtFixedRate(() -> report(w), w * between, REPORT.toNanos(), TimeUnit.NANOSECONDS);
        }
    }

    /**
     * Starts workers on loopback.
     *
     * @param prefill prefill workers, at least 1
     * @param decode decode workers, at least 1
     * @param blockSize tokens per block
     * @param step time between two tokens of a stream
     */
    static SimulatedFleet start(int prefill, int decode, int blockSize, Duration step) throws IOException {
        return new SimulatedFleet(prefill, decode, blockSize, step);
    }

    /** Arguments: prefill workers, decode workers, tokens per block, microseconds of a step. Lives as long as its standard input is open. */
    public static void main(String[] args) throws IOException {
        try (SimulatedFleet fleet = start(
                Integer.parseInt(args[0]),
                Integer.parseInt(args[1]),
                Integer.parseInt(args[2]),
                Duration.ofNanos(1000 * Long.parseLong(args[3])))) {
            System.out.println(fleet.port());
            System.out.flush();
            while (System.in.read() >= 0) {
                // Whoever started it holds the other end.
            }
        }
    }

    /** One that is free now at every address. */
    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }

    /** The port of every worker. */
    int port() {
        return server.getPort();
    }

    /** Host of a worker; prefill workers come first. */
    static String host(int worker) {
        return "127." + (1 + (worker >> 16)) + "." + ((worker >> 8) & 255) + "." + (worker & 255);
    }

    /** host:port of workers. */
    static List<String> addresses(int from, int to, int port) {
        List<String> all = new ArrayList<>();
        for (int worker = from; worker < to; worker++) {
            all.add(host(worker) + ":" + port);
        }
        return all;
    }

    static int workerOf(String address) {
        String[] parts = address.substring(0, address.indexOf(':')).split("\\.", -1);
        return ((Integer.parseInt(parts[1]) - 1) << 16)
                + (Integer.parseInt(parts[2]) << 8)
                + Integer.parseInt(parts[3]);
    }

    int blockSize() {
        return blockSize;
    }

    /** The clock of a decode worker's steps. */
    StepClock.Ticks ticks(String address) {
        return clock.of(workerOf(address) - prefill);
    }

    long epoch() {
        return EPOCH;
    }

    /** Token ids of a prompt, which are all the same. */
    ByteString tokenise(Prompt prompt) {
        return switch (prompt.getKindCase()) {
            case TOKEN_IDS -> prompt.getTokenIds();
            case TEXT -> zeros(prompt.getTextBytes().size());
            case CHAT ->
                zeros(prompt.getChat().getMessagesList().stream()
                        .mapToInt(m -> m.getContentBytes().size())
                        .sum());
            case KIND_NOT_SET -> ByteString.EMPTY;
        };
    }

    private ByteString zeros(int bytes) {
        return ids.computeIfAbsent(
                Math.ceilDiv(bytes, TEXT_BYTES), n -> ByteString.copyFrom(new byte[n * Integer.BYTES]));
    }

    /** A token of the output. */
    static TokenOutput token(int index) {
        return TokenOutput.newBuilder()
                .setTokenIds(ByteString.copyFrom(new byte[] {(byte) index, (byte) (index >> 8), 0, 0}))
                .setText("t" + index + " ")
                .setIndex(index)
                .build();
    }

    private static KvLayout layout() {
        KvLayout.Builder layout = KvLayout.newBuilder()
                .setKind(DescriptorKind.DESCRIPTOR_KIND_BATON)
                .setModelFingerprint(ByteString.copyFrom(new byte[32]))
                .setKType(1)
                .setVType(1);
        for (int i = 0; i < LAYERS; i++) {
            layout.addKRowBytes(ROW_BYTES).addVRowBytes(ROW_BYTES);
        }
        return layout.build();
    }

    private WatchResponse state(int worker) {
        WatchResponse.Builder message =
                WatchResponse.newBuilder().setSequence(1).setState(WorkerState.WORKER_STATE_READY);
        String address = host(worker) + ":" + port();
        message.setIdentity(WorkerIdentity.newBuilder()
                .setWorkerId(address)
                .setRole(worker < prefill ? WorkerRole.WORKER_ROLE_PREFILL : WorkerRole.WORKER_ROLE_DECODE)
                .setEpoch(EPOCH)
                .setModel(MODEL)
                .setLayout(LAYOUT)
                .setBlockSize(blockSize)
                .setAddress(address)
                .setStartedAt(1)
                .setEngine("simulated"));
        message.getCapacityBuilder()
                .setMaxRequestTokens(CONTEXT)
                .setCells(1 << 30)
                .setSequences(1024);
        message.getLoadBuilder()
                .setRunning(worker < prefill ? 0 : clock.of(worker - prefill).streams());
        message.getLoadBuilder()
                .getRatesBuilder()
                .setPrefillBaseUs(1000)
                .setPrefillTokenUs(100)
                .setStepBaseUs(clock.step().toNanos() / 1e3)
                .setStepSequenceUs(1)
                .setPullBytesPerSecond(1e9);
        return message.build();
    }

    private void report(int worker) {
        Set<ServerCallStreamObserver<WatchResponse>> calls = watches.get(worker);
        if (!calls.isEmpty()) {
            WatchResponse state = state(worker);
            for (ServerCallStreamObserver<WatchResponse> call : calls) {
                // A call is used by one thread at a time: its first report may still be on its way.
                synchronized (call) {
                    if (!call.isCancelled()) {
                        call.onNext(state);
                    }
                }
            }
        }
    }

    @Override
    public void close() {
        reports.shutdownNow();
        clock.close();
        server.shutdownNow();
    }

    private final class Watch extends WorkerServiceGrpc.WorkerServiceImplBase {
        @Override
        public void watch(WatchRequest request, StreamObserver<WatchResponse> observer) {
            ServerCallStreamObserver<WatchResponse> call = (ServerCallStreamObserver<WatchResponse>) observer;
            int worker = workerOf(ADDRESS.get());
            Set<ServerCallStreamObserver<WatchResponse>> calls = watches.get(worker);
            call.setOnCancelHandler(() -> calls.remove(call));
            synchronized (call) {
                call.onNext(state(worker));
            }
            calls.add(call);
        }
    }

    private static final class AddressKeeper implements ServerInterceptor {
        @Override
        public <Q, R> ServerCall.Listener<Q> interceptCall(
                ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
            InetSocketAddress local = (InetSocketAddress) call.getAttributes().get(Grpc.TRANSPORT_ATTR_LOCAL_ADDR);
            String address = local == null ? "" : local.getAddress().getHostAddress() + ":" + local.getPort();
            return Contexts.interceptCall(Context.current().withValue(ADDRESS, address), call, headers, next);
        }
    }
}
