package io.baton.engine.llamacpp;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.engine.Engine;
import io.baton.engine.EngineContract;
import org.junit.jupiter.api.AfterEach;

/** The contract of every engine, on a real model. */
class LlamaEngineContractTest extends EngineContract {
    private final long nativeBefore = LlamaEngine.liveNativeObjects();

    @Override
    protected Engine start() {
        return LlamaEngine.start(LlamaEngineConfig.of(TestModels.any())
                .withKv(KvType.F32, false)
                .withContext(CELLS, MAX_REQUEST)
                .withThreads(1)
                .withBatch(BLOCK, 4)
                .withLimits(SEQUENCES, 64));
    }

    @AfterEach
    void shouldLeaveNothingBehind() {
        closeEngines();
        assertThat(LlamaEngine.liveNativeObjects()).isEqualTo(nativeBefore);
    }
}
