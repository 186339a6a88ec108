package io.baton.decode.service;

import io.baton.worker.StartFailure;
import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.annotations.QuarkusMain;

/** Starts the decode worker. A worker that cannot start says why in one sentence and exits with 1. */
@QuarkusMain
public final class DecodeMain {
    private DecodeMain() {}

    /** Entry point. */
    public static void main(String... args) {
        Quarkus.run(null, (code, failure) -> StartFailure.exit("baton decode", code, failure), args);
    }
}
