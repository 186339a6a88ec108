package io.baton.cli.bench;

import com.google.protobuf.ByteString;
import io.baton.grpc.session.SessionService;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.TokenOutput;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvLayout;
import io.baton.tls.ServiceRole;
import io.baton.worker.v1.WatchRequest;
import io.baton.worker.v1.WatchResponse;
import io.baton.worker.v1.WorkerIdentity;
import io.baton.worker.v1.WorkerRole;
import io.baton.worker.v1.WorkerServiceGrpc;
import io.baton.worker.v1.WorkerState;
import io.grpc.BindableService;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

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
    private static final Duration TICK = Duration.ofMillis(100);
    /** Workers do not compute, and say so: what would take them time would make the router let prompts wait. */
    private static final double PREFILL_BASE_MICROS = 100;

    private static final double PREFILL_TOKEN_MICROS = 0.001;

    /** As of an 8B model: 32 layers, rows of 1024 elements in F16. */
    static final KvLayout LAYOUT = layout();

    private final int prefill;
    private final int blockSize;
    private final int port;
    private final List<Server> servers = new ArrayList<>();
    private final StepClock clock;
    private final List<SimulatedWorker> workers = new ArrayList<>();
    private final ExecutorService handlers = Executors.newSingleThreadExecutor();
    private final ExecutorService sender = Executors.newSingleThreadExecutor();

    private final ScheduledExecutorService reports = Executors.newSingleThreadScheduledExecutor();
    private final ConcurrentHashMap<Integer, ByteString> ids = new ConcurrentHashMap<>();

    private SimulatedFleet(int prefill, int decode, int blockSize, Duration step, @Nullable Path certificates)
            throws IOException {
        this.prefill = prefill;
        this.blockSize = blockSize;
        this.clock = new StepClock(decode, step);
        this.port = freePort();
        for (int worker = 0; worker < prefill + decode; worker++) {
            workers.add(new SimulatedWorker(
                    self(worker), this::state, worker < prefill ? () -> 0 : clock.of(worker - prefill)::streams));
        }
        servers.add(serve(0, prefill, certificates, ServiceRole.PREFILL, new SimulatedPrefill(this)));
        servers.add(serve(prefill, prefill + decode, certificates, ServiceRole.DECODE, new SimulatedDecode(this)));
        long between = TICK.toNanos() / workers.size();
        for (int worker = 0; worker < workers.size(); worker++) {
            var _ = reports.scheduleAtFixedRate(
                    workers.get(worker)::tick, worker * between, TICK.toNanos(), TimeUnit.NANOSECONDS);
        }
    }

    private Server serve(int from, int to, @Nullable Path certificates, ServiceRole role, BindableService service)
            throws IOException {
        InetSocketAddress first = new InetSocketAddress(host(from), port);
        NettyServerBuilder builder = certificates == null
                ? NettyServerBuilder.forAddress(first)
                : NettyServerBuilder.forAddress(first, BenchCertificates.of(certificates, role));
        for (int worker = from + 1; worker < to; worker++) {
            builder.addListenAddress(new InetSocketAddress(host(worker), port));
        }
        ServerServiceDefinition legs = service.bindService();
        return builder.directExecutor()
                .maxInboundMessageSize(MAX_MESSAGE)
                .flowControlWindow(1 << 20)
                .intercept(new AddressKeeper())
                .addService(legs)
                .addService(new SessionService(
                                List.of(legs),
                                handlers,
                                sender,
                                new SessionService.Limits(Integer.MAX_VALUE, MAX_MESSAGE))
                        .definition())
                .addService(new Watch())
                .build()
                .start();
    }

    /**
     * Starts workers on loopback.
     *
     * @param prefill prefill workers, at least 1
     * @param decode decode workers, at least 1
     * @param blockSize tokens per block
     * @param step time between two tokens of a stream
     * @param certificates where {@link BenchCertificates} are, for mutual TLS; null for plaintext
     */
    static SimulatedFleet start(int prefill, int decode, int blockSize, Duration step, @Nullable Path certificates)
            throws IOException {
        return new SimulatedFleet(prefill, decode, blockSize, step, certificates);
    }

    /**
     * Arguments: prefill workers, decode workers, tokens per block, microseconds of a step, and perhaps the directory of the
     * certificates. Lives as long as its standard input is open.
     */
    public static void main(String[] args) throws IOException {
        try (SimulatedFleet fleet = start(
                Integer.parseInt(args[0]),
                Integer.parseInt(args[1]),
                Integer.parseInt(args[2]),
                Duration.ofNanos(1000 * Long.parseLong(args[3])),
                args.length == 4 ? null : Path.of(args[4]))) {
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
        return port;
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

    /** What the routers learn of the worker at an address. */
    SimulatedWorker worker(String address) {
        return workers.get(workerOf(address));
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

    private WatchResponse self(int worker) {
        String address = host(worker) + ":" + port();
        WatchResponse.Builder message = WatchResponse.newBuilder();
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
        return message.build();
    }

    private WatchResponse.Builder state(int running) {
        WatchResponse.Builder message = WatchResponse.newBuilder().setState(WorkerState.WORKER_STATE_READY);
        message.getLoadBuilder().setRunning(running);
        message.getLoadBuilder()
                .getRatesBuilder()
                .setPrefillBaseUs(PREFILL_BASE_MICROS)
                .setPrefillTokenUs(PREFILL_TOKEN_MICROS)
                .setStepBaseUs(clock.step().toNanos() / 1e3)
                .setStepSequenceUs(1)
                .setPullBytesPerSecond(1e9);
        return message;
    }

    @Override
    public void close() {
        reports.shutdownNow();
        clock.close();
        servers.forEach(Server::shutdownNow);
        try {
            for (Server server : servers) {
                server.awaitTermination(1, TimeUnit.SECONDS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        handlers.shutdown();
        sender.shutdown();
    }

    private final class Watch extends WorkerServiceGrpc.WorkerServiceImplBase {
        @Override
        public void watch(WatchRequest request, StreamObserver<WatchResponse> observer) {
            worker(ADDRESS.get()).join((ServerCallStreamObserver<WatchResponse>) observer);
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
