package io.baton.router.schedule;

import io.baton.kv.v1.DescriptorKind;
import io.baton.router.fake.Samples;
import io.baton.router.fleet.KvKind;
import io.baton.worker.v1.WorkerRole;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/** Fleets of a test, as lists of workers with what this router has sent to them. */
final class Candidates {
    static final KvKind KIND = new KvKind("m", 4, Samples.LAYOUT);
    static final Slo SLO = new Slo(2, 0.1);
    /** 10 ms and 0.1 ms per token of prompt; 20 ms and 1 ms per sequence of step; 1 GB/s. */
    static final Rates RATES = new Rates(0.01, 0.0001, 0.02, 0.001, 1e9);

    private Candidates() {}

    /** Makes a candidate that differs from the usual one. */
    static final class Builder {
        private final String address;
        private final WorkerRole role;
        KvKind kind = KIND;
        boolean available = true;
        int slot = -1;
        int cells = 100_000;
        int reserved;
        int running;
        int waiting;
        long queued;
        Rates rates = RATES;

        private Builder(String address, WorkerRole role) {
            this.address = address;
            this.role = role;
        }

        Builder kind(KvKind value) {
            kind = value;
            return this;
        }

        Builder ill() {
            available = false;
            return this;
        }

        Builder slot(int value) {
            slot = value;
            return this;
        }

        Builder reserved(int value) {
            reserved = value;
            return this;
        }

        Builder running(int value) {
            running = value;
            return this;
        }

        Builder queued(long tokens) {
            queued = tokens;
            waiting = tokens > 0 ? 1 : 0;
            return this;
        }

        Builder rates(Rates value) {
            rates = value;
            return this;
        }

        Candidate build() {
            return new Candidate(
                    address,
                    role,
                    kind,
                    available,
                    kind.layout().getKind() != DescriptorKind.DESCRIPTOR_KIND_NIXL,
                    slot,
                    1 << 15,
                    cells,
                    reserved,
                    running,
                    waiting,
                    queued,
                    rates);
        }
    }

    static Builder prefill(String address) {
        return new Builder(address, WorkerRole.WORKER_ROLE_PREFILL);
    }

    static Builder decode(String address) {
        return new Builder(address, WorkerRole.WORKER_ROLE_DECODE);
    }

    static TestFleet fleet(Builder... workers) {
        List<Candidate> all = new ArrayList<>();
        for (Builder worker : workers) {
            all.add(worker.build());
        }
        return new TestFleet(all);
    }

    /** A request of so many prompt tokens for 100 more. */
    static RequestFacts facts(int tokens, long... pieces) {
        return new RequestFacts("", "m", tokens, 100, pieces, SLO, Set.of(), 0);
    }

    static RequestFacts without(RequestFacts f, String... addresses) {
        return f.accepted(f.promptTokens(), f.maxTokens(), Set.of(addresses), f.prefillSeconds());
    }

    /** Workers, and what is pending at each. */
    static final class TestFleet implements FleetView {
        private final List<Candidate> workers;
        private final int[] legs;
        private final long[] tokens;

        TestFleet(List<Candidate> workers) {
            this.workers = workers;
            this.legs = new int[workers.size()];
            this.tokens = new long[workers.size()];
        }

        void pending(int index, int addedLegs, long addedTokens) {
            legs[index] += addedLegs;
            tokens[index] += addedTokens;
        }

        @Override
        public int size() {
            return workers.size();
        }

        @Override
        public Candidate get(int index) {
            return workers.get(index);
        }

        @Override
        public int pendingLegs(int index) {
            return legs[index];
        }

        @Override
        public long pendingTokens(int index) {
            return tokens[index];
        }

        @Override
        public long pendingCells(int index) {
            return 0;
        }
    }
}
