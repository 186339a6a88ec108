package io.baton.testvllm;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The KV blocks of one engine and the leases under which prefilled ones wait for a reader.
 *
 * <p>By {@code vllm-project/vllm:vllm/distributed/kv_transfer/kv_connector/v1/nixl/scheduler.py} ({@code request_finished}:
 * blocks are kept until they were read or a time has passed, VLLM_NIXL_ABORT_REQUEST_TIMEOUT or kv_lease_duration) and
 * {@code docs/features/nixl_connector_usage.md} there. Blocks that are free are given out again, oldest first, and keep what
 * was in them until then: a reader that comes too late reads another prompt's rows
 * ({@code vllm-project/vllm} issue 52234, "stale reference after producer reused the blocks").
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
final class KvMemory {
    static final int BLOCK = 16;

    private record Lease(List<Integer> blocks, long endNanos) {}

    private final long[][] memory;
    private final ArrayDeque<Integer> free = new ArrayDeque<>();
    private final Map<String, Lease> leases = new HashMap<>();
    private int expired;

    KvMemory(int blocks) {
        memory = new long[blocks][BLOCK];
        for (int i = 0; i < blocks; i++) {
            free.add(i);
        }
    }

    /** Writes rows into free blocks and keeps them for a reader; null if there are too few. */
    synchronized @Nullable List<Integer> keep(String requestId, long[] rows, long leaseNanos) {
        expire();
        int n = (rows.length + BLOCK - 1) / BLOCK;
        if (free.size() < n) {
            return null;
        }
        List<Integer> blocks = new ArrayList<>(n);
        for (int i = 0; i < n; i++) {
            int block = free.remove();
            blocks.add(block);
            for (int j = 0; j < BLOCK && i * BLOCK + j < rows.length; j++) {
                memory[block][j] = rows[i * BLOCK + j];
            }
        }
        leases.put(requestId, new Lease(List.copyOf(blocks), System.nanoTime() + leaseNanos));
        return blocks;
    }

    /** The row of the last of {@code tokens} tokens in the blocks, whatever is in them now. */
    synchronized long lastRow(List<Integer> blocks, int tokens) {
        return memory[blocks.get((tokens - 1) / BLOCK)][(tokens - 1) % BLOCK];
    }

    /** Whether a request's blocks are kept. */
    synchronized boolean keeps(String requestId) {
        expire();
        return leases.containsKey(requestId);
    }

    /** The reader has read: the blocks are free. */
    synchronized void release(String requestId) {
        Lease lease = leases.remove(requestId);
        if (lease != null) {
            free.addAll(lease.blocks);
        }
    }

    /** Requests whose blocks wait for a reader. */
    synchronized int leases() {
        expire();
        return leases.size();
    }

    /** Leases that ran out. */
    synchronized int expired() {
        expire();
        return expired;
    }

    private void expire() {
        long now = System.nanoTime();
        leases.entrySet().removeIf(e -> {
            boolean over = now - e.getValue().endNanos > 0;
            if (over) {
                free.addAll(e.getValue().blocks);
                expired++;
            }
            return over;
        });
    }
}
