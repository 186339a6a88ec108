package io.baton.cli.launch;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * The little that has to be known of a model file before a worker is started for it. The workers check the rest.
 *
 * <p><em>Thread-safety:</em> immutable.
 *
 * @param path the file
 * @param chatTemplate whether the file's first {@value #HEAD_BYTES} bytes declare a chat template
 */
public record GgufFile(Path path, boolean chatTemplate) {
    /** Metadata lies at the start of the file, before the tensors; a vocabulary of 256k tokens takes some megabytes. */
    private static final int HEAD_BYTES = 16 << 20;

    private static final byte[] MAGIC = {'G', 'G', 'U', 'F'};
    private static final String TEMPLATE_KEY = "tokenizer.chat_template";

    /**
     * Opens a model file.
     *
     * @throws LaunchException if there is no such file, it cannot be read, or it is not a GGUF
     */
    public static GgufFile open(Path path) {
        if (!Files.isRegularFile(path)) {
            throw new LaunchException(
                    "there is no model file " + path + "; name one with --model FILE (a GGUF of a Llama-like model)");
        }
        byte[] head;
        try (InputStream in = Files.newInputStream(path)) {
            head = in.readNBytes(HEAD_BYTES);
        } catch (IOException e) {
            throw new LaunchException("the model file " + path + " cannot be read: " + e.getMessage(), e);
        }
        if (head.length < MAGIC.length || !Arrays.equals(head, 0, MAGIC.length, MAGIC, 0, MAGIC.length)) {
            throw new LaunchException("the file " + path
                    + " is not a GGUF: it does not start with the letters GGUF; convert the model or name another with"
                    + " --model FILE");
        }
        // Single-byte decoding keeps every offset; the key itself is ASCII.
        boolean template = new String(head, StandardCharsets.ISO_8859_1).contains(TEMPLATE_KEY);
        return new GgufFile(path, template);
    }

    /** The file's name without its ending, as the name of the model. */
    public String defaultName() {
        String name = String.valueOf(path.getFileName());
        return name.endsWith(".gguf") ? name.substring(0, name.length() - ".gguf".length()) : name;
    }
}
