package io.baton.engine.llamacpp;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.baton.engine.Engine;
import io.baton.engine.EngineContract;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** The contract on a real model, at the settings at which tokens do not depend on where rows were computed. */
class LlamaEngineContractTest extends EngineContract {
    @Override
    protected Engine start() {
        return LlamaEngine.start(LlamaEngineConfig.of(TestModels.any())
                .withKv(KvType.F32, false)
                .withContext(CELLS, MAX_REQUEST)
                .withThreads(1)
                // A block is a batch, so that the order of events is one that the contract can foretell.
                .withBatch(BLOCK, 4)
                .withLimits(SEQUENCES, SEQUENCES));
    }

    /** Attention sums in the order of cells, and these lie elsewhere: equal up to rounding, while moved rows are equal. */
    @Override
    protected void assertRecomputed(MemorySegment again, MemorySegment before) {
        assertThat(again.byteSize()).isEqualTo(before.byteSize());
        for (long at = 0; at < before.byteSize(); at += Float.BYTES) {
            assertThat(again.get(ValueLayout.JAVA_FLOAT, at))
                    .as("value at byte " + at)
                    .isCloseTo(before.get(ValueLayout.JAVA_FLOAT, at), within(1e-4f));
        }
    }
}
