package io.baton.cli.bench;

import io.baton.cli.launch.LaunchException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Locale;
import java.util.SplittableRandom;
import java.util.function.Consumer;

/**
 * A Llama with random weights: what it says means nothing, but it computes as long as a trained one of its shape.
 *
 * @param name name of the file, without its ending
 * @param weights how the matrices are quantised
 * @param layers transformer blocks
 * @param width elements of the residual stream; heads × 64
 * @param kvHeads heads of K and V
 * @param feedForward elements of the feed-forward layer
 * @param vocabulary tokens
 */
public record BenchModel(
        String name, Weights weights, int layers, int width, int kvHeads, int feedForward, int vocabulary) {
    private static final int HEAD = 64;
    private static final int BLOCK = 32;
    private static final int CONTEXT = 8192;
    private static final int FIRST_WORD = 259;
    private static final int CHUNK = 1 << 20;

    /** How the matrices are quantised: in blocks of 32 weights with a scale in F16 each. */
    public enum Weights {
        /** Nibbles. */
        Q4_0(GgufWriter.Q4_0, 2, 18, 4.6),
        /** Bytes. */
        Q8_0(GgufWriter.Q8_0, 7, 34, 73.9);

        final int type;
        final int fileType;
        final int blockBytes;
        /** Standard deviation of uniformly random weights, in scales. */
        final double deviation;

        Weights(int type, int fileType, int blockBytes, double deviation) {
            this.type = type;
            this.fileType = fileType;
            this.blockBytes = blockBytes;
            this.deviation = deviation;
        }

        String label() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /**
     * The shape of Llama 3.2 1B, but for its vocabulary: 16 × 60.8M + 32,000 × 2048 = 1.04G weights, 585 MB in Q4_0, 1.1 GB in Q8_0; 16 ×
     * 2 × 512 × 2 B = 32 KiB of F16 cache per token. The 128k tokens of the original would spend a fifth of each step on
     * the logits.
     */
    public static BenchModel large(Weights weights) {
        return new BenchModel("bench-llama-1b-" + weights.label() + "-1", weights, 16, 2048, 8, 8192, 32_000);
    }

    /** A sixth of it: 12 × 15.2M + 8,000 × 1024 = 191M weights, 108 MB in Q4_0. */
    public static BenchModel medium(Weights weights) {
        return new BenchModel("bench-llama-190m-" + weights.label() + "-1", weights, 12, 1024, 4, 4096, 8000);
    }

    /** Small enough to be written and run in a test. */
    public static BenchModel small(Weights weights) {
        return new BenchModel("bench-llama-4m-" + weights.label() + "-1", weights, 4, 256, 2, 768, 2048);
    }

    /**
     * The file of the model, written if it is not there yet.
     *
     * @param directory where it is kept
     * @param progress takes a line from time to time
     */
    public Path ensure(Path directory, Consumer<String> progress) {
        Path file = directory.resolve(name + ".gguf");
        if (Files.exists(file)) {
            return file;
        }
        Path part = directory.resolve(name + "." + ProcessHandle.current().pid() + ".part");
        try {
            Files.createDirectories(directory);
            writer(progress).write(part);
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE);
            return file;
        } catch (IOException e) {
            try {
                Files.deleteIfExists(part);
            } catch (IOException again) {
                e.addSuppressed(again);
            }
            throw new LaunchException(
                    "the model for the benchmark cannot be written to " + file + ": " + e.getMessage()
                            + "; name another directory with --cache DIRECTORY",
                    e);
        }
    }

    private GgufWriter writer(Consumer<String> progress) {
        GgufWriter gguf = new GgufWriter();
        gguf.put("general.architecture", "llama");
        gguf.put("general.name", name);
        gguf.put("general.file_type", weights.fileType);
        gguf.put("llama.block_count", layers);
        gguf.put("llama.context_length", CONTEXT);
        gguf.put("llama.embedding_length", width);
        gguf.put("llama.feed_forward_length", feedForward);
        gguf.put("llama.attention.head_count", width / HEAD);
        gguf.put("llama.attention.head_count_kv", kvHeads);
        gguf.put("llama.attention.layer_norm_rms_epsilon", 1e-5f);
        gguf.put("llama.rope.dimension_count", HEAD);
        gguf.put("llama.rope.freq_base", 500_000f);
        gguf.put("llama.vocab_size", vocabulary);
        putVocabulary(gguf);
        long[] written = {0};
        long[] told = {0};
        Consumer<Integer> count = bytes -> {
            written[0] += bytes;
            long percent = 100 * written[0] / gguf.dataBytes();
            if (percent >= told[0] + 20) {
                told[0] = percent;
                progress.accept(
                        "writing " + name + ".gguf: " + percent + " % of " + gguf.dataBytes() / 1_000_000 + " MB");
            }
        };
        SplittableRandom random = new SplittableRandom(1);
        matrix(gguf, "token_embd.weight", width, vocabulary, random, count);
        for (int layer = 0; layer < layers; layer++) {
            String block = "blk." + layer + ".";
            ones(gguf, block + "attn_norm.weight");
            matrix(gguf, block + "attn_q.weight", width, width, random, count);
            matrix(gguf, block + "attn_k.weight", width, kvHeads * HEAD, random, count);
            matrix(gguf, block + "attn_v.weight", width, kvHeads * HEAD, random, count);
            matrix(gguf, block + "attn_output.weight", width, width, random, count);
            ones(gguf, block + "ffn_norm.weight");
            matrix(gguf, block + "ffn_gate.weight", width, feedForward, random, count);
            matrix(gguf, block + "ffn_up.weight", width, feedForward, random, count);
            matrix(gguf, block + "ffn_down.weight", feedForward, width, random, count);
        }
        ones(gguf, "output_norm.weight");
        return gguf;
    }

    private void putVocabulary(GgufWriter gguf) {
        String[] tokens = new String[vocabulary];
        float[] scores = new float[vocabulary];
        int[] types = new int[vocabulary];
        for (int i = 0; i < vocabulary; i++) {
            // Types of llama.cpp: 1 normal, 2 unknown, 3 control, 6 byte.
            types[i] = i == 0 ? 2 : i < 3 ? 3 : i < FIRST_WORD ? 6 : 1;
            scores[i] = i < FIRST_WORD ? 0 : -i;
            tokens[i] = switch (i) {
                case 0 -> "<unk>";
                case 1 -> "<s>";
                case 2 -> "</s>";
                default -> i < FIRST_WORD ? String.format("<0x%02X>", i - 3) : "\u2581w" + i;
            };
        }
        gguf.put("tokenizer.ggml.model", "llama");
        gguf.put("tokenizer.ggml.tokens", tokens);
        gguf.put("tokenizer.ggml.scores", scores);
        gguf.put("tokenizer.ggml.token_type", types);
        gguf.put("tokenizer.ggml.bos_token_id", 1);
        gguf.put("tokenizer.ggml.eos_token_id", 2);
        gguf.put("tokenizer.ggml.unknown_token_id", 0);
    }

    private void ones(GgufWriter gguf, String name) {
        gguf.tensor(
                name,
                GgufWriter.F32,
                out -> {
                    ByteBuffer row = ByteBuffer.allocate(width * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
                    for (int i = 0; i < width; i++) {
                        row.putFloat(1f);
                    }
                    out.write(row.array());
                },
                width);
    }

    private void matrix(
            GgufWriter gguf, String name, int in, int rows, SplittableRandom random, Consumer<Integer> count) {
        gguf.tensor(name, weights.type, out -> writeRandom(out, in, rows, random, count), in, rows);
    }

    /**
     * Random blocks. In Q4_0 a nibble q stands for (q − 8)·scale, in Q8_0 a signed byte q for q·scale. With
     * weights of deviation 1/√in a matrix neither blows its input up nor lets it vanish, so logits stay finite.
     */
    private void writeRandom(OutputStream out, int in, int rows, SplittableRandom random, Consumer<Integer> count)
            throws IOException {
        int blockBytes = weights.blockBytes;
        long left = (long) in / BLOCK * rows * blockBytes;
        double scale = 1 / (weights.deviation * Math.sqrt(in));
        byte[] chunk = new byte[CHUNK / blockBytes * blockBytes];
        while (left > 0) {
            int bytes = (int) Math.min(chunk.length, left);
            random.nextBytes(chunk);
            for (int at = 0; at < bytes; at += blockBytes) {
                short half = Float.floatToFloat16((float) (scale * (0.75 + (chunk[at] & 0xff) / 512.0)));
                chunk[at] = (byte) half;
                chunk[at + 1] = (byte) (half >> 8);
            }
            out.write(chunk, 0, bytes);
            count.accept(bytes);
            left -= bytes;
        }
    }
}
