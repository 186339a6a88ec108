package io.baton.engine;

import java.util.List;

/**
 * Text to token ids and back.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread; none touches the engine thread.
 */
public interface Tokenizer {
    /**
     * Token ids of a text.
     *
     * @param addSpecial whether to add the begin-of-sequence token where the model asks for one
     * @param parseSpecial whether special tokens written in the text become those tokens
     */
    int[] encode(String text, boolean addSpecial, boolean parseSpecial);

    /** Bytes of one token, not necessarily whole characters; control tokens give none. */
    byte[] piece(int token);

    /**
     * Token ids of a conversation rendered with the model's chat template. Special tokens count in the template but not
     * in what was said. Throws {@link io.baton.error.BatonException} ({@code INVALID_REQUEST}) if the model has no
     * template or the template refuses the messages.
     */
    int[] encodeChat(List<ChatMessage> messages, boolean addGenerationPrompt);

    /** One message of a conversation. */
    record ChatMessage(String role, String content) {}
}
