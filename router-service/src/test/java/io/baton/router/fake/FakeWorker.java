package io.baton.router.fake;

import io.baton.grpc.session.SessionService;
import io.baton.worker.v1.WatchRequest;
import io.baton.worker.v1.WatchResponse;
import io.baton.worker.v1.WorkerIdentity;
import io.baton.worker.v1.WorkerRole;
import io.baton.worker.v1.WorkerServiceGrpc;
import io.baton.worker.v1.WorkerState;
import io.grpc.BindableService;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetSocketAddress;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;

/** A fake worker: a gRPC server on loopback with a Watch service whose state the test sets. */
public abstract class FakeWorker implements AutoCloseable {
    /** Headers of the call in whose context the code runs. */
    static final Context.Key<Metadata> HEADERS = Context.key("headers");

    private static final AtomicInteger COUNT = new AtomicInteger();

    private final WorkerRole role;
    private final String id;
    private final List<String> violations = new CopyOnWriteArrayList<>();
    private final Set<ServerCallStreamObserver<WatchResponse>> watches = ConcurrentHashMap.newKeySet();
    private final ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
    private final ExecutorService handlers = Executors.newFixedThreadPool(2);
    private Server server;
    private final String host;
    private final int port;
    private volatile WorkerState state = WorkerState.WORKER_STATE_READY;
    private volatile UnaryOperator<WatchResponse> edit = UnaryOperator.identity();
    private volatile boolean silent;

    @SuppressWarnings("this-escape") // The service calls back only once a client connects.
    FakeWorker(WorkerRole role) {
        this(role, "127.0.0.1", 0);
    }

    @SuppressWarnings("this-escape") // The service calls back only once a client connects.
    FakeWorker(WorkerRole role, String host, int port) {
        this.role = role;
        this.host = host;
        this.id = (role == WorkerRole.WORKER_ROLE_PREFILL ? "prefill-" : "decode-") + COUNT.incrementAndGet();
        this.server = serve(port);
        this.port = server.getPort();
        var _ = timer.scheduleAtFixedRate(this::publish, 200, 200, TimeUnit.MILLISECONDS);
    }

    private Server serve(int onPort) {
        ServerServiceDefinition legs = ServerInterceptors.intercept(service(), new HeaderKeeper());
        try {
            return NettyServerBuilder.forAddress(new InetSocketAddress(host, onPort))
                    .addService(legs)
                    .addService(new SessionService(
                                    List.of(legs), handlers, handlers, new SessionService.Limits(1024, 16 << 20))
                            .definition())
                    .addService(new Watch())
                    .build()
                    .start();
        } catch (IOException e) {
            throw new UncheckedIOException("a fake worker could not listen", e);
        }
    }

    abstract BindableService service();

    /** Its address as the settings name it. */
    public String address() {
        return host + ":" + port;
    }

    /** Its port. */
    public int port() {
        return port;
    }

    /** Its id in the fleet. */
    public String id() {
        return id;
    }

    /** Sets the state that Watch tells, and tells it at once. */
    public void state(WorkerState now) {
        state = now;
        publish();
    }

    /** Changes what Watch tells. */
    public void edit(UnaryOperator<WatchResponse> change) {
        edit = change;
        publish();
    }

    /** Whether Watch says nothing, as if the process were stopped. */
    public void silent(boolean now) {
        silent = now;
    }

    /** Ends the server without a farewell; every call breaks. */
    public void crash() {
        server.shutdownNow();
        await(server);
    }

    /** Starts again on the same port. */
    public void restart() {
        server = serve(port);
    }

    private static void await(Server server) {
        try {
            server.awaitTermination(10, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    void violated(String what) {
        violations.add(id + ": " + what);
    }

    /** What the router did against the protocol; must be empty. */
    public List<String> violations() {
        return violations;
    }

    private synchronized void publish() {
        if (silent) {
            return;
        }
        for (ServerCallStreamObserver<WatchResponse> watch : watches) {
            if (!watch.isCancelled()) {
                watch.onNext(message());
            }
        }
    }

    private WatchResponse message() {
        WatchResponse.Builder message =
                WatchResponse.newBuilder().setSequence(1).setState(state);
        message.setIdentity(WorkerIdentity.newBuilder()
                .setWorkerId(id)
                .setRole(role)
                .setEpoch(7)
                .setModel(Samples.MODEL)
                .setLayout(Samples.LAYOUT)
                .setBlockSize(Samples.BLOCK_SIZE)
                .setAddress(address())
                .setStartedAt(1_700_000_000L)
                .setEngine("fake"));
        message.getCapacityBuilder()
                .setMaxRequestTokens(100_000)
                .setCells(1_000_000)
                .setSequences(64);
        return edit.apply(message.build());
    }

    @Override
    public void close() {
        timer.shutdownNow();
        server.shutdownNow();
        await(server);
        handlers.shutdown();
    }

    private final class Watch extends WorkerServiceGrpc.WorkerServiceImplBase {
        @Override
        public void watch(WatchRequest request, StreamObserver<WatchResponse> observer) {
            ServerCallStreamObserver<WatchResponse> call = (ServerCallStreamObserver<WatchResponse>) observer;
            call.setOnCancelHandler(() -> watches.remove(call));
            synchronized (FakeWorker.this) {
                watches.add(call);
                if (!silent) {
                    call.onNext(message());
                }
            }
        }
    }

    private static final class HeaderKeeper implements ServerInterceptor {
        @Override
        public <Q, R> ServerCall.Listener<Q> interceptCall(
                ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
            return Contexts.interceptCall(Context.current().withValue(HEADERS, headers), call, headers, next);
        }
    }
}
