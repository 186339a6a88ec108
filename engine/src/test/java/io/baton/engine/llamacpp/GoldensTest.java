package io.baton.engine.llamacpp;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.engine.Sequence;
import io.baton.engine.llamacpp.TestModels.Golden;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** With F32 weights, an F32 cache and no flash attention, tokens are those of an independent float64 computation. */
class GoldensTest {
    private static LlamaEngineConfig exact(int threads) {
        return LlamaEngineConfig.of(TestModels.data("models/stories260K-hd64-f32.gguf"))
                .withKv(KvType.F32, false)
                .withContext(8192, 0)
                .withThreads(threads);
    }

    /**
     * Two threads wait for each other by spinning, which takes many times as long where other work wants the processors;
     * so fewer tokens are compared there.
     */
    private static Golden shortened(Golden golden, int threads) {
        int most = threads == 1 ? golden.greedyIds().length : 6;
        return new Golden(golden.prompt(), golden.promptIds(), java.util.Arrays.copyOf(golden.greedyIds(), most));
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldReproduceEveryGoldenAlone(int threads) throws IOException {
        // Given
        try (LlamaEngine prefill = LlamaEngine.start(exact(threads));
                LlamaEngine decode = LlamaEngine.start(exact(threads))) {
            for (Golden whole : TestModels.goldens()) {
                Golden golden = shortened(whole, threads);
                // When
                int[] ids = Runs.get(handOver(prefill, decode, golden));
                // Then
                assertThat(ids).as(golden.prompt()).isEqualTo(golden.greedyIds());
            }
            assertThat(decode.stats().promptTokensComputed()).isZero();
            assertThat(decode.stats().decodePromptTokensComputed()).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void shouldReproduceEveryGoldenEightAtOnce(int threads) throws IOException {
        // Given
        List<Golden> goldens =
                TestModels.goldens().stream().map(g -> shortened(g, threads)).toList();
        try (LlamaEngine prefill = LlamaEngine.start(exact(threads));
                LlamaEngine decode = LlamaEngine.start(exact(threads))) {
            // When
            List<CompletableFuture<int[]>> runs = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                runs.add(handOver(prefill, decode, goldens.get(i % goldens.size())));
            }
            // Then
            for (int i = 0; i < 8; i++) {
                Golden golden = goldens.get(i % goldens.size());
                assertThat(Runs.get(runs.get(i))).as(golden.prompt()).isEqualTo(golden.greedyIds());
            }
        }
    }

    private static CompletableFuture<int[]> handOver(LlamaEngine prefill, LlamaEngine decode, Golden golden) {
        int[] prompt = golden.promptIds();
        int n = golden.greedyIds().length;
        Sequence from = Runs.get(prefill.open(prompt.length));
        Sequence to = Runs.get(decode.open(prompt.length + n));
        return Runs.prefill(prefill, from, prompt, 256).thenCompose(p -> {
            p.blocks().forEach(b -> {
                var _ = to.importRows(b.begin(), b.end(), b.rows());
            });
            return Runs.decode(to, prompt, p.first().id(), n - 1).thenApply(d -> {
                from.close();
                to.close();
                return Runs.append(new int[] {p.first().id()}, d.ids());
            });
        });
    }
}
