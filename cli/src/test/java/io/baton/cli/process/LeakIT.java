package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.cli.launch.EngineSpec;
import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.FleetSpec;
import io.baton.cli.launch.Role;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.GenerateResponse;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.grpc.Context;
import io.grpc.Status;
import io.grpc.stub.StreamObserver;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Phaser;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever a client does, what was held for it is given back. */
@Tag("process")
class LeakIT {
    private static final int REQUESTS = 1000;
    private static final int AT_ONCE = 16;
    /** Some blocks' worth, and short enough that the real model computes a thousand of them in a minute. */
    private static final int LONGEST_PROMPT = 200;

    private static final int BLOCK = 32;
    private static final int MOST_TOKENS = 16;
    private static final long SEED = 20_260_101;

    static Stream<FleetSpec> fleets() {
        return Stream.of(
                SharedFleet.spec(TestModel.any().exact()).blockSize(BLOCK).build(),
                SharedFleet.spec(EngineSpec.simulated()
                                .withModelName("test-model")
                                .withMaxRequestTokens(4096))
                        .blockSize(BLOCK)
                        .setting("baton.engine.simulated.speed", "200")
                        .build(),
                SharedFleet.spec(TestModel.any().exact())
                        .blockSize(BLOCK)
                        .workers(0, 1)
                        .setting(Role.ROUTER, "baton.router.schedule.disaggregation", "never")
                        .build());
    }

    @ParameterizedTest
    @MethodSource("fleets")
    void shouldHoldNothingAfterAThousandRequestsWithRandomCancellations(FleetSpec spec) throws Exception {
        // Given
        Fleet fleet = SharedFleet.of(spec);
        Random random = new Random(SEED);
        Map<Status.Code, Integer> outcomes = new EnumMap<>(Status.Code.class);
        List<Integer> probe = Prompts.random(5, LONGEST_PROMPT);

        try (Client client = new Client(fleet.grpcAddress())) {
            Client.Answer before = client.generate(Client.endless(probe, MOST_TOKENS));

            // When
            Semaphore free = new Semaphore(AT_ONCE);
            Phaser all = new Phaser(1);
            for (int i = 0; i < REQUESTS; i++) {
                assertThat(free.tryAcquire(Await.LONG.toSeconds(), TimeUnit.SECONDS))
                        .as("one of %d requests ends", AT_ONCE)
                        .isTrue();
                all.register();
                int prompt = 1 + random.nextInt(LONGEST_PROMPT);
                GenerateRequest request =
                        Client.endless(Prompts.random(random.nextInt(50), prompt), 1 + random.nextInt(MOST_TOKENS));
                // A third goes on to the end; the others are cancelled after 0 to 7 events.
                int events = random.nextInt(3) == 0 ? Integer.MAX_VALUE : random.nextInt(8);
                send(client, request, events, code -> {
                    synchronized (outcomes) {
                        outcomes.merge(code, 1, Integer::sum);
                    }
                    free.release();
                    all.arriveAndDeregister();
                });
            }
            all.awaitAdvanceInterruptibly(all.arrive(), Await.LONG.toSeconds(), TimeUnit.SECONDS);

            // Then
            assertThat(outcomes.values().stream().mapToInt(Integer::intValue).sum())
                    .isEqualTo(REQUESTS);
            // So many long prompts at once may also find the KV cache full.
            assertThat(outcomes.keySet())
                    .as("statuses %s", outcomes)
                    .contains(Status.Code.OK, Status.Code.CANCELLED)
                    .isSubsetOf(Status.Code.OK, Status.Code.CANCELLED, Status.Code.RESOURCE_EXHAUSTED);
            Counters.awaitNothingHeld(fleet);
            assertThat(client.generate(Client.endless(probe, MOST_TOKENS)).ids())
                    .isEqualTo(before.ids());
            Counters.awaitNothingHeld(fleet);
        }
    }

    private interface Ended {
        void with(Status.Code code);
    }

    private static void send(Client client, GenerateRequest request, int events, Ended ended) {
        Context.CancellableContext context = Context.current().withCancellation();
        StreamObserver<GenerateResponse> observer = new StreamObserver<>() {
            private int seen;

            @Override
            public void onNext(GenerateResponse event) {
                seen++;
                if (seen == events) {
                    context.cancel(null);
                }
            }

            @Override
            public void onError(Throwable t) {
                context.cancel(null);
                ended.with(Status.fromThrowable(t).getCode());
            }

            @Override
            public void onCompleted() {
                context.cancel(null);
                ended.with(Status.Code.OK);
            }
        };
        context.run(() -> InferenceServiceGrpc.newStub(client.channel()).generate(request, observer));
        if (events == 0) {
            context.cancel(null);
        }
    }
}
