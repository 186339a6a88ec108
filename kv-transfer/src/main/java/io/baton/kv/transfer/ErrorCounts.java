package io.baton.kv.transfer;

import io.baton.error.ErrorCode;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;

/**
 * A counter per error.
 *
 * <p><em>Thread-safety:</em> safe.
 */
final class ErrorCounts {
    private final ConcurrentHashMap<ErrorCode, LongAdder> counts = new ConcurrentHashMap<>();

    void add(ErrorCode code) {
        counts.computeIfAbsent(code, _ -> new LongAdder()).increment();
    }

    /** The errors that occurred. */
    Map<ErrorCode, Long> snapshot() {
        var map = new EnumMap<ErrorCode, Long>(ErrorCode.class);
        counts.forEach((code, n) -> map.put(code, n.sum()));
        return map;
    }
}
