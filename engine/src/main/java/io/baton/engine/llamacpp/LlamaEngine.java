package io.baton.engine.llamacpp;

import io.baton.engine.Engine;
import io.baton.engine.EngineLimits;
import io.baton.engine.EngineStats;
import io.baton.engine.KvLayout;
import io.baton.engine.ModelInfo;
import io.baton.engine.Sequence;
import io.baton.engine.Tokenizer;
import io.baton.engine.llamacpp.library.LibraryProvider;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Function;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * The engine on libllama. One platform thread owns model, context, batch and copy buffers: it makes them, computes, and
 * frees them in {@link #close}.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
public final class LlamaEngine implements Engine {
    private static final Logger LOG = Logger.getLogger(LlamaEngine.class);

    private final Loaded loaded;
    private final Thread thread;

    /** What the engine thread has made. */
    private record Loaded(
            ModelInfo model,
            LlamaTokenizer tokenizer,
            EngineLimits limits,
            CellLedger ledger,
            EngineCounters counters,
            EngineLoop loop) {}

    /**
     * Loads library and model, tests the hand-over of KV rows and starts. Blocks meanwhile.
     *
     * @throws BatonException {@code ENGINE_FAILED} with what is wrong and what to do
     */
    public static LlamaEngine start(LlamaEngineConfig config) {
        GgufFile.requireReadable(config.modelPath());
        Path directory = LibraryProvider.provide(config.libraryDirectory());
        String fingerprint = GgufFile.fingerprint(config.modelPath());
        CompletableFuture<Loaded> ready = new CompletableFuture<>();
        Thread thread = Thread.ofPlatform()
                .name("baton-engine")
                .daemon()
                .start(() -> life(config, directory, fingerprint, ready));
        try {
            return new LlamaEngine(ready.join(), thread);
        } catch (CompletionException e) {
            throw BatonException.from(e);
        }
    }

    private LlamaEngine(Loaded loaded, Thread thread) {
        this.loaded = loaded;
        this.thread = thread;
    }

    private static void life(
            LlamaEngineConfig config, Path directory, String fingerprint, CompletableFuture<Loaded> ready) {
        try {
            LlamaLibrary library = LlamaLibrary.open(directory, config.libraryLog());
            try (LlamaModel model = LlamaModel.load(library, config.modelPath(), config.gpuLayers(), config.mmap());
                    LlamaTokenizer tokenizer = new LlamaTokenizer(model)) {
                model.traits().check(config.kvType(), config.flashAttention());
                serve(config, model, tokenizer, fingerprint, ready);
            }
        } catch (RuntimeException | Error e) {
            if (!ready.completeExceptionally(e)) {
                LOG.error("the engine thread failed while it closed", e);
            }
        }
    }

    private static void serve(
            LlamaEngineConfig config,
            LlamaModel model,
            LlamaTokenizer tokenizer,
            String fingerprint,
            CompletableFuture<Loaded> ready) {
        int vocabulary = model.vocab().nTokens();
        int batchSize = Math.min(config.batchTokens() + config.maxSequences(), config.contextCells());
        LlamaContext.Params params = new LlamaContext.Params(
                config.contextCells(),
                batchSize,
                config.maxSequences() + 1,
                config.threads(),
                config.kvType(),
                config.flashAttention());
        try (LlamaContext context = new LlamaContext(model, params);
                LlamaBatch batch = new LlamaBatch(batchSize)) {
            KvLayout layout = new SelfTest(context, batch, config, vocabulary).run(fingerprint);
            try (KvRows rows = new KvRows(context, layout, config.maxSequences(), config.transferPieceBytes())) {
                int trained = model.nCtxTrain();
                int most = config.maxRequestTokens() > 0 ? config.maxRequestTokens() : trained;
                EngineLimits limits = new EngineLimits(
                        config.contextCells(), config.maxSequences(), Math.min(most, config.contextCells()));
                CellLedger ledger = new CellLedger(limits.cells(), limits.sequences(), limits.maxRequestTokens());
                EngineCounters counters = new EngineCounters();
                EngineLoop loop = new EngineLoop(config, context, batch, rows, layout, ledger, counters, vocabulary);
                ModelInfo info = new ModelInfo(
                        name(config, model),
                        fingerprint,
                        vocabulary,
                        trained,
                        model.vocab().endOfGeneration(),
                        "llamacpp");
                LOG.infof(
                        "libllama %s serves %s: %s, %d cells, at most %d tokens per request, %d threads",
                        model.library().version(),
                        info.name(),
                        layout,
                        limits.cells(),
                        limits.maxRequestTokens(),
                        config.threads());
                ready.complete(new Loaded(info, tokenizer, limits, ledger, counters, loop));
                loop.run();
            }
        }
    }

    private static String name(LlamaEngineConfig config, LlamaModel model) {
        String given = config.modelName();
        if (given != null) {
            return given;
        }
        return model.metaValStr("general.name")
                .filter(n -> !n.isBlank())
                .orElseGet(() -> config.modelPath().getFileName().toString().replaceFirst("\\.gguf$", ""));
    }

    @Override
    public ModelInfo model() {
        return loaded.model();
    }

    @Override
    public KvLayout kvLayout() {
        return loaded.loop().kvLayout();
    }

    @Override
    public Tokenizer tokenizer() {
        return loaded.tokenizer();
    }

    @Override
    public EngineLimits limits() {
        return loaded.limits();
    }

    @Override
    public EngineStats stats() {
        return loaded.counters().snapshot(loaded.ledger());
    }

    @Override
    public CompletableFuture<Sequence> open(int cells) {
        return loaded.loop().open(cells).thenApply(Function.identity());
    }

    @Override
    @Nullable
    public Throwable failure() {
        return loaded.loop().failure();
    }

    /**
     * {@inheritDoc} Called on the engine thread, from a listener, it does not wait: everything is freed when the listener
     * has returned.
     */
    @Override
    public void close() {
        loaded.loop().stop();
        if (loaded.loop().onEngineThread()) {
            return;
        }
        boolean interrupted = false;
        while (thread.isAlive()) {
            try {
                thread.join();
            } catch (InterruptedException _) {
                interrupted = true;
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
    }

    /** Native objects of the process that are not freed; 0 when every engine is closed. For tests of leaks. */
    static long liveNativeObjects() {
        return LlamaModel.live() + LlamaContext.live() + NativeBuffer.liveBytes();
    }

    /** Refuses work after close, in the words of every other refusal. */
    static BatonException closed() {
        return new BatonException(ErrorCode.ENGINE_FAILED, "the engine is closed");
    }
}
