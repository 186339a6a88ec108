package io.baton.engine.llamacpp;

import io.baton.engine.EngineStats;
import io.baton.engine.Turn;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Counters and gauges of an engine. The engine thread writes, anyone reads.
 *
 * <p><em>Thread-safety:</em> safe; a snapshot is not of one instant.
 */
final class EngineCounters {
    final AtomicInteger running = new AtomicInteger();
    final AtomicInteger waiting = new AtomicInteger();
    final AtomicInteger usedCells = new AtomicInteger();
    final AtomicLong promptTokensComputed = new AtomicLong();
    final AtomicLong decodePromptTokensComputed = new AtomicLong();
    final AtomicLong tokensGenerated = new AtomicLong();
    final AtomicLong steps = new AtomicLong();
    final AtomicLong importedBytes = new AtomicLong();
    final AtomicLong exportedBytes = new AtomicLong();
    final AtomicLong importNanos = new AtomicLong();
    final AtomicLong exportNanos = new AtomicLong();
    final Turn turn = new Turn(System::nanoTime);

    EngineStats snapshot(CellLedger ledger) {
        return new EngineStats(
                running.get(),
                waiting.get(),
                ledger.openSequences(),
                ledger.reservedCells(),
                usedCells.get(),
                promptTokensComputed.get(),
                decodePromptTokensComputed.get(),
                tokensGenerated.get(),
                steps.get(),
                importedBytes.get(),
                exportedBytes.get(),
                importNanos.get(),
                exportNanos.get(),
                turn.nanos());
    }
}
