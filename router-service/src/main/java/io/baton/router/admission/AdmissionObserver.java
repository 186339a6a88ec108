package io.baton.router.admission;

/** Is told what admission does, for metrics. Must not block. */
public interface AdmissionObserver {
    /** Tells nobody. */
    AdmissionObserver NONE = new AdmissionObserver() {
        @Override
        public void waiting(Priority priority, int requests, long tokens) {}

        @Override
        public void admitted(Priority priority, long waitedNanos) {}

        @Override
        public void refused(Reason reason) {}
    };

    /** So many more (or fewer) requests and tokens of a class wait. */
    void waiting(Priority priority, int requests, long tokens);

    /** A request was admitted; 0 if it did not wait. */
    void admitted(Priority priority, long waitedNanos);

    /** A request was refused. */
    void refused(Reason reason);
}
