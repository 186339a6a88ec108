package io.baton.engine.llamacpp;

import io.baton.engine.Tokenizer;
import io.baton.engine.chat.ChatTemplate;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.util.List;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Supplier;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * The model's vocabulary and chat template as a {@link Tokenizer}.
 *
 * <p><em>Thread-safety:</em> safe; {@link #close} waits for calls in progress, later ones are refused.
 */
final class LlamaTokenizer implements Tokenizer, AutoCloseable {
    private static final Logger LOG = Logger.getLogger(LlamaTokenizer.class);

    private final LlamaVocab vocab;
    private final String bosText;
    private final boolean addBos;
    private final SpecialTokens special;
    /** Null if there is none, or none that can be read; then {@link #templateProblem} says which. */
    @Nullable
    private final ChatTemplate template;

    private final String templateProblem;
    private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
    private boolean closed;

    LlamaTokenizer(LlamaModel model) {
        vocab = model.vocab();
        bosText = vocab.text(vocab.bos());
        addBos = vocab.addBos();
        special = SpecialTokens.of(vocab);
        ChatTemplate compiled = null;
        String problem = "the model has no chat template; use a completion instead of a chat";
        String jinja = model.chatTemplate().orElse("");
        if (!jinja.isEmpty()) {
            try {
                compiled = ChatTemplate.compile(jinja, bosText, vocab.text(vocab.eos()));
            } catch (BatonException e) {
                // Completions still work, so the model is served.
                LOG.warnf("the model's chat template cannot be used: %s", e.getMessage());
                problem = "the model's chat template cannot be used (" + e.getMessage()
                        + "); use a completion instead of a chat";
            }
        }
        template = compiled;
        templateProblem = problem;
    }

    @Override
    public int[] encode(String text, boolean addSpecial, boolean parseSpecial) {
        return whileOpen(() -> vocab.tokenize(text, addSpecial, parseSpecial));
    }

    @Override
    public byte[] piece(int token) {
        return whileOpen(() -> vocab.piece(token));
    }

    @Override
    public int[] encodeChat(List<ChatMessage> messages, boolean addGenerationPrompt) {
        ChatTemplate t = template;
        if (t == null) {
            throw new BatonException(ErrorCode.INVALID_REQUEST, templateProblem);
        }
        SpecialTokens.Marked marked = special.mark(messages);
        String prompt = t.render(marked.messages(), addGenerationPrompt);
        // Templates often write the begin-of-sequence token themselves.
        boolean addSpecial = !(addBos && !bosText.isEmpty() && prompt.startsWith(bosText));
        return whileOpen(() -> marked.encode(prompt, addSpecial, vocab::tokenize));
    }

    private <T> T whileOpen(Supplier<T> call) {
        lock.readLock().lock();
        try {
            if (closed) {
                throw LlamaEngine.closed();
            }
            return call.get();
        } finally {
            lock.readLock().unlock();
        }
    }

    @Override
    public void close() {
        lock.writeLock().lock();
        try {
            closed = true;
        } finally {
            lock.writeLock().unlock();
        }
    }
}
