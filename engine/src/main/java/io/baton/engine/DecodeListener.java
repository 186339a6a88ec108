package io.baton.engine;

/** What a generation tells, on the engine thread. Methods must not block; one that throws fails the sequence only. */
public interface DecodeListener {
    /** The sequence joined the batch; {@code computedPromptTokens} prompt tokens had to be computed here. */
    default void onStarted(int computedPromptTokens) {}

    /** A token was chosen. Returns whether to go on; after false nothing follows and the cells stay until close. */
    boolean onToken(SampledToken token);

    /** The cells are used up after the last token told; nothing follows. */
    void onCellsUsedUp();

    /** The generation failed; nothing follows. Never called for a sequence that was closed. */
    void onFailed(Throwable cause);
}
