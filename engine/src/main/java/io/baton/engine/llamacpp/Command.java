package io.baton.engine.llamacpp;

/** What other threads ask of the engine thread. */
sealed interface Command permits Command.StartPrefill, Command.StartDecode, Command.Signal, Transfer {
    /** A prefill is to start when the rows given before it have landed. */
    record StartPrefill(PrefillJob job) implements Command {}

    /** A generation is to start when the rows given before it have landed and the sequence's prefill is over. */
    record StartDecode(DecodeJob job) implements Command {}

    /** A sequence was asked to resume or to release; its flags say which. */
    record Signal(LlamaSequence sequence) implements Command {}
}
