package io.baton.cli.process;

import com.google.protobuf.ByteString;
import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.FleetCertificates;
import io.baton.cli.launch.RunState;
import io.baton.inference.v1.GenerateFinished;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.GenerateResponse;
import io.baton.inference.v1.GenerateStarted;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.SamplingParams;
import io.baton.inference.v1.StopParams;
import io.baton.kv.v1.KvLayout;
import io.baton.worker.v1.WatchRequest;
import io.baton.worker.v1.WatchResponse;
import io.baton.worker.v1.WorkerServiceGrpc;
import io.grpc.Context;
import io.grpc.ManagedChannel;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import javax.net.ssl.SSLException;

/** A client of one gRPC server. Thread-safe. */
final class Client implements AutoCloseable {
    private final ManagedChannel channel;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

    Client(String address) {
        this(NettyChannelBuilder.forTarget(address).usePlaintext().build());
    }

    private Client(ManagedChannel channel) {
        this.channel = channel;
    }

    /** A client of a worker of a fleet with certificates: with that of its router, as workers talk to nobody else. */
    static Client asRouter(Fleet fleet, RunState.Service worker) {
        Path certificates =
                FleetCertificates.directory(SharedFleet.runs(), fleet.state().port());
        try {
            var tls = GrpcSslContexts.forClient()
                    .trustManager(InsecureTrustManagerFactory.INSTANCE)
                    .keyManager(
                            certificates.resolve("router.crt").toFile(),
                            certificates.resolve("router.key").toFile())
                    .build();
            return new Client(NettyChannelBuilder.forAddress(worker.host(), worker.grpcPort())
                    .sslContext(tls)
                    .build());
        } catch (SSLException e) {
            throw new AssertionError(e);
        }
    }

    /** What a request brought. */
    record Answer(List<Integer> ids, String text, GenerateStarted started, GenerateFinished finished) {}

    /** The raw connection. */
    ManagedChannel channel() {
        return channel;
    }

    Answer generate(GenerateRequest request) {
        return generate(request, event -> {});
    }

    private Answer generate(GenerateRequest request, Consumer<GenerateResponse> seen) {
        Iterator<GenerateResponse> events = InferenceServiceGrpc.newBlockingStub(channel)
                .withDeadlineAfter(Await.LONG.toSeconds(), TimeUnit.SECONDS)
                .generate(request);
        List<Integer> ids = new ArrayList<>();
        StringBuilder text = new StringBuilder();
        GenerateStarted started = GenerateStarted.getDefaultInstance();
        while (events.hasNext()) {
            GenerateResponse event = events.next();
            seen.accept(event);
            switch (event.getEventCase()) {
                case STARTED -> started = event.getStarted();
                case OUTPUT -> {
                    ids.addAll(ids(event.getOutput().getTokenIds()));
                    text.append(event.getOutput().getText());
                }
                case FINISHED -> {
                    return new Answer(ids, text.toString(), started, event.getFinished());
                }
                case EVENT_NOT_SET -> throw new AssertionError("an event without content");
            }
        }
        throw new AssertionError("the stream ended without GenerateFinished");
    }

    CompletableFuture<Answer> start(GenerateRequest request) {
        return start(request, event -> {});
    }

    /** Likewise; {@code seen} is called with every event. */
    CompletableFuture<Answer> start(GenerateRequest request, Consumer<GenerateResponse> seen) {
        return CompletableFuture.supplyAsync(() -> generate(request, seen), threads);
    }

    /** What a worker says of itself. */
    WatchResponse watch() {
        try (Context.CancellableContext context = Context.current().withCancellation()) {
            return context.wrap(() -> WorkerServiceGrpc.newBlockingStub(channel)
                            .withDeadlineAfter(Await.LONG.toSeconds(), TimeUnit.SECONDS)
                            .watch(WatchRequest.getDefaultInstance())
                            .next())
                    .call();
        } catch (Exception e) {
            throw new AssertionError("the worker does not answer", e);
        }
    }

    /** Bytes of one token's KV rows in all layers. */
    static long bytesPerToken(KvLayout layout) {
        return java.util.stream.Stream.concat(layout.getKRowBytesList().stream(), layout.getVRowBytesList().stream())
                .mapToLong(Integer::longValue)
                .sum();
    }

    /** A request that takes the likeliest token each time. */
    static GenerateRequest greedy(List<Integer> prompt, int maxTokens) {
        return greedy(Prompt.newBuilder().setTokenIds(bytes(prompt)).build(), maxTokens);
    }

    /** A request that takes the likeliest token each time. */
    static GenerateRequest greedy(Prompt prompt, int maxTokens) {
        return GenerateRequest.newBuilder()
                .setPrompt(prompt)
                .setSampling(SamplingParams.newBuilder().setTemperature(0))
                .setStop(StopParams.newBuilder().setMaxTokens(maxTokens))
                .build();
    }

    /** The same, going on past the end of the text. */
    static GenerateRequest endless(List<Integer> prompt, int maxTokens) {
        GenerateRequest.Builder request = greedy(prompt, maxTokens).toBuilder();
        request.getStopBuilder().setIgnoreEos(true);
        return request.build();
    }

    static ByteString bytes(List<Integer> ids) {
        ByteBuffer buffer = ByteBuffer.allocate(ids.size() * Integer.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        ids.forEach(buffer::putInt);
        return ByteString.copyFrom(buffer.flip());
    }

    static List<Integer> ids(ByteString bytes) {
        ByteBuffer buffer = bytes.asReadOnlyByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
        List<Integer> ids = new ArrayList<>();
        while (buffer.hasRemaining()) {
            ids.add(buffer.getInt());
        }
        return ids;
    }

    @Override
    public void close() {
        channel.shutdownNow();
        threads.close();
    }
}
