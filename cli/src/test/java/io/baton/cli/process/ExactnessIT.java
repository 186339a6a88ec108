package io.baton.cli.process;

import static io.baton.cli.process.Client.greedy;
import static org.assertj.core.api.Assertions.assertThat;

import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.Role;
import io.baton.cli.launch.RunState;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.Timing;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * With F32 weights, F32 KV and no flash attention, what a prompt's continuation is does not depend on where its KV cache
 * was computed. The goldens were computed without libllama.
 */
@Tag("process")
class ExactnessIT {
    private static final int AT_ONCE = 8;

    /** The models with goldens, and a block size at which their prompts have several blocks. */
    enum Subject {
        STORIES_256,
        STORIES_8,
        DEMO_256,
        DEMO_16;

        TestModel model() {
            return this == STORIES_256 || this == STORIES_8 ? TestModel.stories() : TestModel.demo();
        }

        int blockSize() {
            return Integer.parseInt(name().substring(name().indexOf('_') + 1));
        }

        /** One of them with certificates: what they change is not what arrives. */
        boolean certified() {
            return this == DEMO_16;
        }

        Fleet fleet() {
            return SharedFleet.of(SharedFleet.spec(model().exact())
                    .blockSize(blockSize())
                    .mtls(certified())
                    .build());
        }
    }

    @ParameterizedTest
    @EnumSource(Subject.class)
    void shouldGiveEveryGoldenTokenForTokenAloneAndWithEightRequestsAtOnce(Subject subject) {
        // Given
        List<TestModel.Golden> goldens = subject.model().readGoldens();
        assertThat(goldens).isNotEmpty();
        Fleet fleet = subject.fleet();
        List<TestModel.Golden> asked = new ArrayList<>();
        for (int i = 0; i < Math.max(AT_ONCE, goldens.size()); i++) {
            asked.add(goldens.get(i % goldens.size()));
        }

        try (Client client = new Client(fleet.grpcAddress())) {
            // When
            Counters before = Counters.of(fleet);
            List<Client.Answer> alone =
                    goldens.stream().map(g -> client.generate(request(g))).toList();

            // Then
            assertGolden(goldens, alone);
            assertEveryKvRowWasHandedOver(subject, fleet, before, alone);

            // When
            Counters then = Counters.of(fleet);
            List<CompletableFuture<Client.Answer>> running =
                    asked.stream().map(g -> client.start(request(g))).toList();
            List<Client.Answer> together =
                    running.stream().map(CompletableFuture::join).toList();

            // Then
            assertGolden(asked, together);
            assertEveryKvRowWasHandedOver(subject, fleet, then, together);
        }
    }

    @Test
    void shouldTokeniseTheTextOfAPromptIntoTheGoldenIds() {
        // Given
        TestModel model = TestModel.stories();
        Fleet fleet = Subject.STORIES_256.fleet();
        Stream<TestModel.Golden> withText =
                model.readGoldens().stream().filter(g -> !g.prompt().isEmpty());

        try (Client client = new Client(fleet.grpcAddress())) {
            withText.forEach(golden -> {
                // When
                Client.Answer answer = client.generate(greedy(
                        Prompt.newBuilder().setText(golden.prompt()).build(),
                        golden.greedyIds().size()));

                // Then
                assertThat(answer.started().getPromptTokens())
                        .isEqualTo(golden.promptIds().size());
                assertThat(answer.ids()).isEqualTo(golden.greedyIds());
            });
        }
    }

    private static void assertGolden(List<TestModel.Golden> asked, List<Client.Answer> answers) {
        assertThat(answers).hasSameSizeAs(asked);
        for (int i = 0; i < asked.size(); i++) {
            assertThat(answers.get(i).ids())
                    .as(asked.get(i).name())
                    .isEqualTo(asked.get(i).greedyIds());
        }
    }

    private static GenerateRequest request(TestModel.Golden golden) {
        return greedy(golden.promptIds(), golden.greedyIds().size());
    }

    private static void assertEveryKvRowWasHandedOver(
            Subject subject, Fleet fleet, Counters before, List<Client.Answer> answers) {
        RunState.Service decode = fleet.services(Role.DECODE).getFirst();
        long bytesPerToken;
        try (Client worker = subject.certified()
                ? Client.asRouter(fleet, decode)
                : new Client(decode.host() + ":" + decode.grpcPort())) {
            bytesPerToken = Client.bytesPerToken(worker.watch().getIdentity().getLayout());
        }
        assertThat(bytesPerToken).isPositive();
        for (Client.Answer answer : answers) {
            Timing timing = answer.finished().getTiming();
            long promptTokens = answer.finished().getUsage().getPromptTokens();
            long reused = answer.finished().getUsage().getDecodeCachedTokens();
            assertThat(timing.getDecodeComputedTokens()).isZero();
            assertThat(timing.getKvBytes() + reused * bytesPerToken).isEqualTo(promptTokens * bytesPerToken);
            assertThat(timing.getBlocksPulled() + timing.getBlocksReused()).isPositive();
        }
        Counters moved = Counters.of(fleet).minus(before);
        assertThat(moved.decodeComputed()).isZero();
        assertThat((long) moved.pulledBytes())
                .isEqualTo(answers.stream()
                        .mapToLong(a -> a.finished().getTiming().getKvBytes())
                        .sum());
    }
}
