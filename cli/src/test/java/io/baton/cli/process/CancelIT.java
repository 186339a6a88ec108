package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.cli.launch.EngineSpec;
import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.Role;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.GenerateResponse;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * However a request ends early, at most one more chunk of its prompt, or one more step of its generation, is computed after
 * what was running. Chunks take half a second here, and steps a quarter, so that counters are read before the next one is over.
 */
@Tag("process")
class CancelIT {
    private static final int CHUNK = 256;
    /** Prompt tokens that take longer than the router's deadline. */
    private static final int MANY = 16 * CHUNK;

    private static final List<Integer> SHORT = Prompts.random(402, 20);

    private final Fleet fleet = SharedFleet.of(SharedFleet.spec(EngineSpec.simulated())
            .blockSize(CHUNK)
            .setting("baton.engine.simulated.prefill-base-micros", "0")
            .setting("baton.engine.simulated.prefill-per-token-micros", "2000")
            .setting("baton.engine.simulated.step-base-micros", "250000")
            .setting("baton.engine.simulated.step-per-sequence-micros", "0")
            .setting(Role.ROUTER, "baton.router.request-timeout", "5s")
            .build());
    private final Client client = new Client(fleet.grpcAddress());

    /** How a request ends before it is complete. */
    enum End {
        HTTP_CLIENT_CLOSES_A_STREAM,
        HTTP_CLIENT_CLOSES_BEFORE_THE_ANSWER,
        GRPC_CLIENT_CANCELS,
        GRPC_CLIENT_LOSES_ITS_CONNECTION,
        GRPC_DEADLINE_PASSES,
        ROUTERS_DEADLINE_PASSES
    }

    @AfterEach
    void close() {
        client.close();
    }

    private double computed() {
        return sum(Role.PREFILL, "baton_prefill_computed_tokens_total");
    }

    private double steps() {
        return sum(Role.DECODE, "baton_engine_steps_total");
    }

    private double sum(Role role, String metric) {
        return fleet.services(role).stream()
                .mapToDouble(s -> fleet.metrics(s).sum(metric))
                .sum();
    }

    @ParameterizedTest
    @EnumSource(End.class)
    void shouldStopAPromptWithinOneChunk(End end) throws Exception {
        // Given
        Counters.awaitNothingHeld(fleet);
        double start = computed();
        // When
        double before = end(
                end,
                // One of its own, or the prefix cache would have the beginning.
                Client.endless(Prompts.random(410 + List.of(End.values()).indexOf(end), MANY), 4),
                () -> Await.untilEmpty(() -> computed() > start ? "" : "nothing is computed"),
                this::computed);
        Counters.awaitNothingHeld(fleet);
        // Then
        assertThat(computed() - before).isLessThanOrEqualTo(2 * CHUNK);
        assertThat(computed() - start).isLessThan(MANY);
    }

    @ParameterizedTest
    @EnumSource(End.class)
    void shouldStopAGenerationWithinOneStep(End end) throws Exception {
        // Given
        Counters.awaitNothingHeld(fleet);
        double start = steps();
        // When
        double before = end(
                end,
                Client.endless(SHORT, 400),
                () -> Await.untilEmpty(() -> steps() > start + 2 ? "" : "nothing is generated"),
                this::steps);
        Counters.awaitNothingHeld(fleet);
        // Then
        assertThat(steps() - before).isLessThanOrEqualTo(2);
        assertThat(steps() - start).isGreaterThan(2).isLessThan(400);
    }

    /** Starts a request and ends it when it is under way; returns the counter as it was when it ended. */
    private double end(
            End end, GenerateRequest request, Runnable awaitUnderWay, java.util.function.DoubleSupplier counter)
            throws Exception {
        return switch (end) {
            case HTTP_CLIENT_CLOSES_A_STREAM -> overHttp(request, true, awaitUnderWay, counter);
            case HTTP_CLIENT_CLOSES_BEFORE_THE_ANSWER -> overHttp(request, false, awaitUnderWay, counter);
            case GRPC_CLIENT_CANCELS -> {
                try (Context.CancellableContext context = Context.current().withCancellation()) {
                    CompletableFuture<Status> over = new CompletableFuture<>();
                    context.run(() -> stub().generate(request, new Told(over)));
                    awaitUnderWay.run();
                    double before = counter.getAsDouble();
                    context.cancel(null);
                    assertThat(over.get(60, TimeUnit.SECONDS).getCode()).isEqualTo(Status.Code.CANCELLED);
                    yield before;
                }
            }
            case GRPC_CLIENT_LOSES_ITS_CONNECTION -> {
                try (Client lost = new Client(fleet.grpcAddress())) {
                    CompletableFuture<Status> over = new CompletableFuture<>();
                    InferenceServiceGrpc.newStub(lost.channel()).generate(request, new Told(over));
                    awaitUnderWay.run();
                    double before = counter.getAsDouble();
                    lost.channel().shutdownNow();
                    over.get(60, TimeUnit.SECONDS);
                    yield before;
                }
            }
            case GRPC_DEADLINE_PASSES -> {
                CompletableFuture<Status> over = new CompletableFuture<>();
                stub().withDeadlineAfter(3, TimeUnit.SECONDS).generate(request, new Told(over));
                assertThat(over.get(60, TimeUnit.SECONDS).getCode()).isEqualTo(Status.Code.DEADLINE_EXCEEDED);
                yield counter.getAsDouble();
            }
            case ROUTERS_DEADLINE_PASSES -> {
                CompletableFuture<Status> over = new CompletableFuture<>();
                stub().generate(request, new Told(over));
                assertThat(over.get(60, TimeUnit.SECONDS).getCode()).isEqualTo(Status.Code.DEADLINE_EXCEEDED);
                yield counter.getAsDouble();
            }
        };
    }

    private InferenceServiceGrpc.InferenceServiceStub stub() {
        return InferenceServiceGrpc.newStub(client.channel());
    }

    private double overHttp(
            GenerateRequest request, boolean stream, Runnable awaitUnderWay, java.util.function.DoubleSupplier counter)
            throws IOException {
        String body = "{\"temperature\":0,\"ignore_eos\":true,\"max_tokens\":"
                + request.getStop().getMaxTokens() + ",\"stream\":" + stream + ",\"prompt\":"
                + Client.ids(request.getPrompt().getTokenIds()) + "}";
        URI router = URI.create(fleet.httpUrl());
        try (Socket socket = new Socket(router.getHost(), router.getPort())) {
            socket.getOutputStream()
                    .write(
                            ("POST /v1/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: "
                                            + body.length() + "\r\n\r\n" + body)
                                    .getBytes(StandardCharsets.US_ASCII));
            awaitUnderWay.run();
            return counter.getAsDouble();
        }
    }

    /** Completes with the status of a call. */
    private record Told(CompletableFuture<Status> over) implements StreamObserver<GenerateResponse> {
        @Override
        public void onNext(GenerateResponse event) {}

        @Override
        public void onError(Throwable t) {
            over.complete(Status.fromThrowable(t));
        }

        @Override
        public void onCompleted() {
            over.complete(Status.OK);
        }
    }
}
