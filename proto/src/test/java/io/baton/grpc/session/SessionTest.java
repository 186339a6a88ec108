package io.baton.grpc.session;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.prefill.v1.PrefillAccepted;
import io.baton.prefill.v1.PrefillRequest;
import io.baton.prefill.v1.PrefillResponse;
import io.baton.prefill.v1.PrefillServiceGrpc;
import io.baton.prefill.v1.PrefillStart;
import io.baton.worker.v1.WatchRequest;
import io.baton.worker.v1.WatchResponse;
import io.baton.worker.v1.WorkerServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.Server;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerInterceptors;
import io.grpc.ServerServiceDefinition;
import io.grpc.Status;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientCalls;
import io.grpc.stub.ClientResponseObserver;
import io.grpc.stub.MetadataUtils;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class SessionTest {
    private static final int LIMIT = 1 << 20;
    private static final int MAX_LEGS = 40;
    private static final ByteString POISON = ByteString.copyFromUtf8("poison");
    private static final Metadata.Key<String> NAME = Metadata.Key.of("x-name", Metadata.ASCII_STRING_MARSHALLER);
    private static final Context.Key<String> NAMED = Context.key("x-name");

    private final ExecutorService handlers = Executors.newFixedThreadPool(2);
    private final ExecutorService sender = Executors.newSingleThreadExecutor();
    private final BlockingQueue<String> cancelled = new LinkedBlockingQueue<>();
    private final AtomicInteger sessionMessages = new AtomicInteger();
    private final AtomicInteger sessions = new AtomicInteger();
    private Server server = serve(0);
    private final ManagedChannel connection = connect();
    private final SessionChannel channel = new SessionChannel(connection, LIMIT);

    /** Answers what the request's name says. */
    private final class Scripted extends PrefillServiceGrpc.PrefillServiceImplBase {
        @Override
        public StreamObserver<PrefillRequest> prefill(StreamObserver<PrefillResponse> responses) {
            ServerCallStreamObserver<PrefillResponse> out = (ServerCallStreamObserver<PrefillResponse>) responses;
            String named = String.valueOf(NAMED.get());
            out.setOnCancelHandler(() -> cancelled.add(named));
            return new StreamObserver<>() {
                @Override
                public void onNext(PrefillRequest message) {
                    PrefillStart start = message.getStart();
                    switch (start.getRequestId()) {
                        case "name" -> out.onNext(answer(ByteString.copyFromUtf8(named)));
                        case "burst" -> {
                            for (int i = 0; i < start.getAttempt(); i++) {
                                out.onNext(answer(ByteString.copyFrom(new byte[i])));
                            }
                        }
                        case "large" -> out.onNext(answer(ByteString.copyFrom(new byte[start.getAttempt()])));
                        case "refuse" ->
                            out.onError(new BatonException(ErrorCode.QUEUE_FULL, "no room, ümlaut").toStatus());
                        case "throw" -> throw new IllegalArgumentException("as the test asks");
                        default -> out.onNext(answer(start.getPrompt().getTokenIds()));
                    }
                }

                @Override
                public void onError(Throwable t) {
                    // The cancel handler has noted it.
                }

                @Override
                public void onCompleted() {
                    out.onCompleted();
                }
            };
        }
    }

    private static PrefillResponse answer(ByteString ids) {
        return PrefillResponse.newBuilder()
                .setAccepted(PrefillAccepted.newBuilder().setTokenIds(ids))
                .build();
    }

    private Server serve(int port) {
        ServerServiceDefinition legs = ServerInterceptors.intercept(new Scripted(), new ServerInterceptor() {
            @Override
            public <Q, R> ServerCall.Listener<Q> interceptCall(
                    ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
                return Contexts.interceptCall(
                        Context.current().withValue(NAMED, headers.get(NAME)), call, headers, next);
            }
        });
        SessionService service =
                new SessionService(List.of(legs), handlers, sender, new SessionService.Limits(MAX_LEGS, LIMIT));
        ServerInterceptor counting = new ServerInterceptor() {
            @Override
            public <Q, R> ServerCall.Listener<Q> interceptCall(
                    ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
                sessions.incrementAndGet();
                return next.startCall(
                        new SimpleForwardingServerCall<>(call) {
                            @Override
                            public void sendMessage(R message) {
                                sessionMessages.incrementAndGet();
                                super.sendMessage(message);
                            }
                        },
                        headers);
            }
        };
        try {
            return NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), port))
                    .callExecutor(SessionService.onEventLoop())
                    .maxInboundMessageSize(SessionService.TRANSPORT_BYTES)
                    .addService(ServerInterceptors.intercept(service.definition(), counting))
                    .build()
                    .start();
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private ManagedChannel connect() {
        return NettyChannelBuilder.forAddress("127.0.0.1", server.getPort())
                .usePlaintext()
                .directExecutor()
                .maxInboundMessageSize(1024)
                .build();
    }

    @AfterEach
    void close() throws InterruptedException {
        connection.shutdownNow();
        server.shutdownNow();
        assertThat(server.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
        handlers.shutdown();
        sender.shutdown();
    }

    /** One call: what it was told. */
    private final class Caller implements ClientResponseObserver<PrefillRequest, PrefillResponse> {
        final BlockingQueue<ByteString> heard = new LinkedBlockingQueue<>();
        final CompletableFuture<@Nullable Void> end = new CompletableFuture<>();
        private @Nullable ClientCallStreamObserver<PrefillRequest> call;

        Caller() {
            this("nobody");
        }

        Caller(String name) {
            Metadata headers = new Metadata();
            headers.put(NAME, name);
            var _ = PrefillServiceGrpc.newStub(channel)
                    .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
                    .prefill(this);
        }

        ClientCallStreamObserver<PrefillRequest> call() {
            assertThat(call).isNotNull();
            return Objects.requireNonNull(call);
        }

        Caller say(String what, int number) {
            call().onNext(PrefillRequest.newBuilder()
                    .setStart(PrefillStart.newBuilder().setRequestId(what).setAttempt(number))
                    .build());
            return this;
        }

        Caller echo(ByteString ids) {
            PrefillStart.Builder start = PrefillStart.newBuilder();
            start.getPromptBuilder().setTokenIds(ids);
            call().onNext(PrefillRequest.newBuilder().setStart(start).build());
            return this;
        }

        ByteString next() throws InterruptedException {
            ByteString ids = heard.poll(10, TimeUnit.SECONDS);
            assertThat(ids).as("an answer").isNotNull();
            return Objects.requireNonNull(ids);
        }

        BatonException failure() throws InterruptedException {
            try {
                end.get(10, TimeUnit.SECONDS);
            } catch (ExecutionException e) {
                return BatonException.from(Objects.requireNonNull(e.getCause()));
            } catch (TimeoutException e) {
                throw new AssertionError("the call does not end", e);
            }
            throw new AssertionError("the call ended well");
        }

        @Override
        public void beforeStart(ClientCallStreamObserver<PrefillRequest> requestStream) {
            call = requestStream;
        }

        @Override
        public void onNext(PrefillResponse value) {
            if (value.getAccepted().getTokenIds().equals(POISON)) {
                throw new IllegalArgumentException("as the test asks");
            }
            heard.add(value.getAccepted().getTokenIds());
        }

        @Override
        public void onError(Throwable t) {
            end.completeExceptionally(t);
        }

        @Override
        public void onCompleted() {
            end.complete(null);
        }
    }

    @Test
    void callsOfOneSessionDoNotMix() throws Exception {
        List<Caller> callers = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            callers.add(new Caller("caller " + i));
        }
        for (int round = 0; round < 10; round++) {
            for (int i = 0; i < callers.size(); i++) {
                callers.get(i).echo(ByteString.copyFromUtf8(i + ":" + round));
            }
        }
        for (int i = 0; i < callers.size(); i++) {
            for (int round = 0; round < 10; round++) {
                assertThat(callers.get(i).next().toStringUtf8()).isEqualTo(i + ":" + round);
            }
            callers.get(i).say("name", 0);
            assertThat(callers.get(i).next().toStringUtf8()).isEqualTo("caller " + i);
            callers.get(i).call().onCompleted();
            callers.get(i).end.get(10, TimeUnit.SECONDS);
        }
        assertThat(sessions).hasValue(1);
    }

    @Test
    void whatIsSaidAtTheSameTimeSharesMessages() throws Exception {
        Caller caller = new Caller().say("burst", 1000);
        for (int i = 0; i < 1000; i++) {
            assertThat(caller.next().size()).isEqualTo(i);
        }
        assertThat(sessionMessages.get()).isLessThan(500);
    }

    @Test
    void largeMessagesTravelInPieces() throws Exception {
        byte[] bytes = new byte[LIMIT - 100];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (i * 31 + (i >> 8));
        }
        ByteString ids = ByteString.copyFrom(bytes);
        Caller large = new Caller().echo(ids);
        Caller small = new Caller().echo(ByteString.copyFromUtf8("small"));
        assertThat(large.next()).isEqualTo(ids);
        assertThat(small.next().toStringUtf8()).isEqualTo("small");
    }

    @Test
    void tooLargeAMessageEndsItsCallAlone() throws Exception {
        Caller other = new Caller();
        Caller sends = new Caller().echo(ByteString.copyFrom(new byte[LIMIT + 1]));
        Caller receives = new Caller().say("large", LIMIT + 1);

        assertThat(sends.failure().getCause()).hasMessageContaining("exceeds maximum size " + LIMIT);
        assertThat(receives.failure().getCause()).hasMessageContaining("exceeds maximum size " + LIMIT);
        other.echo(ByteString.copyFromUtf8("still here"));
        assertThat(other.next().toStringUtf8()).isEqualTo("still here");
        assertThat(cancelled.poll(10, TimeUnit.SECONDS)).isEqualTo("nobody");
        assertThat(cancelled.poll(10, TimeUnit.SECONDS)).isEqualTo("nobody");
    }

    @Test
    void statusAndTrailersArrive() throws Exception {
        BatonException failure = new Caller().say("refuse", 0).failure();
        assertThat(failure.code()).isEqualTo(ErrorCode.QUEUE_FULL);
        assertThat(failure).hasMessage("no room, ümlaut");
    }

    @Test
    void aHandlerThatThrowsEndsItsCallAlone() throws Exception {
        Caller other = new Caller();
        Caller thrower = new Caller("thrower").say("throw", 0);
        assertThat(Status.fromThrowable(thrower.failure().getCause()).getCode()).isEqualTo(Status.Code.UNKNOWN);
        assertThat(cancelled.poll(10, TimeUnit.SECONDS)).isEqualTo("thrower");
        other.echo(ByteString.copyFromUtf8("still here"));
        assertThat(other.next().toStringUtf8()).isEqualTo("still here");
    }

    @Test
    void aCallerThatThrowsEndsItsCallAlone() throws Exception {
        Caller other = new Caller("other");
        Caller thrower = new Caller("thrower").echo(POISON);
        assertThat(thrower.failure().code()).isEqualTo(ErrorCode.CANCELLED);
        assertThat(cancelled.poll(10, TimeUnit.SECONDS)).isEqualTo("thrower");
        other.echo(ByteString.copyFromUtf8("still here"));
        assertThat(other.next().toStringUtf8()).isEqualTo("still here");
        assertThat(sessions).hasValue(1);
    }

    @Test
    void aCallIsCancelledAlone() throws Exception {
        Caller other = new Caller("other").echo(ByteString.EMPTY);
        Caller caller = new Caller("cancelled").echo(ByteString.EMPTY);
        caller.next();
        caller.call().cancel("no more", null);
        assertThat(caller.failure().code()).isEqualTo(ErrorCode.CANCELLED);
        assertThat(cancelled.poll(10, TimeUnit.SECONDS)).isEqualTo("cancelled");
        other.next();
        other.echo(ByteString.copyFromUtf8("still here"));
        assertThat(other.next().toStringUtf8()).isEqualTo("still here");
        assertThat(cancelled).isEmpty();
    }

    @Test
    void theEndOfTheConnectionEndsEveryCallOnBothSides() throws Exception {
        Caller a = new Caller("a").echo(ByteString.EMPTY);
        Caller b = new Caller("b").echo(ByteString.EMPTY);
        a.next();
        b.next();
        connection.shutdownNow();
        assertThat(a.failure().code()).isEqualTo(ErrorCode.WORKER_LOST);
        assertThat(b.failure().code()).isEqualTo(ErrorCode.WORKER_LOST);
        assertThat(List.of(
                        String.valueOf(cancelled.poll(10, TimeUnit.SECONDS)),
                        String.valueOf(cancelled.poll(10, TimeUnit.SECONDS))))
                .containsExactlyInAnyOrder("a", "b");
        assertThat(new Caller("c").failure().code()).isEqualTo(ErrorCode.WORKER_LOST);
    }

    @Test
    void aNewSessionFollowsALostOne() throws Exception {
        Caller lost = new Caller("lost").echo(ByteString.EMPTY);
        lost.next();
        int port = server.getPort();
        server.shutdownNow();
        assertThat(server.awaitTermination(10, TimeUnit.SECONDS)).isTrue();
        assertThat(lost.failure().code()).isEqualTo(ErrorCode.WORKER_LOST);
        server = serve(port);
        connection.resetConnectBackoff();
        Caller next = new Caller("next").echo(ByteString.copyFromUtf8("here"));
        assertThat(next.next().toStringUtf8()).isEqualTo("here");
        assertThat(sessions).hasValue(2);
    }

    @Test
    void onlyWhatIsServedCanBeCalled() throws Exception {
        CompletableFuture<Throwable> end = new CompletableFuture<>();
        ClientCalls.asyncServerStreamingCall(
                channel.newCall(WorkerServiceGrpc.getWatchMethod(), CallOptions.DEFAULT),
                WatchRequest.getDefaultInstance(),
                new StreamObserver<>() {
                    @Override
                    public void onNext(WatchResponse value) {
                        end.completeExceptionally(new AssertionError("was served"));
                    }

                    @Override
                    public void onError(Throwable t) {
                        end.complete(t);
                    }

                    @Override
                    public void onCompleted() {
                        end.completeExceptionally(new AssertionError("was served"));
                    }
                });
        Status status = Status.fromThrowable(end.get(10, TimeUnit.SECONDS));
        assertThat(status.getCode()).isEqualTo(Status.Code.UNIMPLEMENTED);
        assertThat(status.getDescription()).contains("Watch");
    }

    @Test
    void aSessionHasSoManyCallsAtMost() throws Exception {
        List<Caller> open = new ArrayList<>();
        for (int i = 0; i < MAX_LEGS; i++) {
            open.add(new Caller().echo(ByteString.EMPTY));
        }
        Caller refused = new Caller().echo(ByteString.EMPTY);
        assertThat(refused.failure().code()).isEqualTo(ErrorCode.QUEUE_FULL);
        Caller first = open.getFirst();
        first.next();
        first.call().onCompleted();
        first.end.get(10, TimeUnit.SECONDS);
        assertThat(new Caller().echo(ByteString.copyFromUtf8("room")).next().toStringUtf8())
                .isEqualTo("room");
    }
}
