package io.baton.router.schedule;

import io.baton.router.fleet.KvKind;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * What a pick needs of memory, reused by all picks of a thread.
 *
 * <p><em>Thread-safety:</em> none; one per thread.
 */
final class Scratch {
    final Estimator estimator = new Estimator();
    final ExpectedTime expected = new ExpectedTime(estimator);
    double[] costs = new double[0];
    /** Leading pieces of the prompt by slot of the prefix index. */
    int[] pieces = new int[0];

    /** The kinds that were met, each once; compared by reference first, for workers share one object. */
    @Nullable
    KvKind[] kinds = new KvKind[4];

    int kindCount;
    /** The best decode worker by kind; −1 for none. */
    int[] bestDecode = new int[4];

    double[] bestDecodeCost = new double[4];

    private @Nullable Situation situation;

    void prepare(FleetView fleet) {
        int size = fleet.size();
        if (costs.length < size) {
            costs = new double[size + size / 2];
        }
        int slots = 0;
        for (int i = 0; i < size; i++) {
            slots = Math.max(slots, fleet.get(i).slot() + 1);
        }
        if (pieces.length < slots) {
            pieces = new int[slots + slots / 2];
        } else {
            Arrays.fill(pieces, 0);
        }
        kindCount = 0;
    }

    Situation situation(Candidate first) {
        Situation s = situation;
        if (s == null) {
            s = new Situation(first);
            situation = s;
        }
        return s;
    }

    /** Number of the kind; a new one has no decode worker yet. */
    int kind(KvKind kind) {
        int known = find(kind);
        if (known >= 0) {
            return known;
        }
        if (kindCount == kinds.length) {
            kinds = Arrays.copyOf(kinds, kindCount * 2);
            bestDecode = Arrays.copyOf(bestDecode, kindCount * 2);
            bestDecodeCost = Arrays.copyOf(bestDecodeCost, kindCount * 2);
        }
        kinds[kindCount] = kind;
        bestDecode[kindCount] = -1;
        bestDecodeCost[kindCount] = Double.POSITIVE_INFINITY;
        return kindCount++;
    }

    /** Number of the kind; −1 if it was not met. */
    @SuppressWarnings("ReferenceEquality") // Equal kinds are one object nearly always; comparing layouts is slow.
    int find(KvKind kind) {
        for (int i = 0; i < kindCount; i++) {
            if (kinds[i] == kind) {
                return i;
            }
        }
        for (int i = 0; i < kindCount; i++) {
            if (kind.equals(kinds[i])) {
                return i;
            }
        }
        return -1;
    }
}
