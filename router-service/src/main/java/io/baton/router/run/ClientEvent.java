package io.baton.router.run;

import io.baton.error.BatonException;
import io.baton.inference.v1.GenerateFinished;
import io.baton.inference.v1.GenerateStarted;
import io.baton.inference.v1.TokenOutput;

/** Something that the client is told. */
public sealed interface ClientEvent {
    /** The request was accepted. */
    record Started(GenerateStarted message) implements ClientEvent {}

    /** Tokens or text. */
    record Output(TokenOutput message) implements ClientEvent {}

    /** The generation ended; nothing follows. */
    record Finished(GenerateFinished message) implements ClientEvent {}

    /**
     * The request failed; nothing follows.
     *
     * @param cut whether outputs were thrown away because the client did not read them
     */
    record Failed(BatonException error, boolean cut) implements ClientEvent {}
}
