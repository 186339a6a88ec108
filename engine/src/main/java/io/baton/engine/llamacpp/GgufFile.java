package io.baton.engine.llamacpp;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What Baton reads of a GGUF file by itself: where its tensors lie, for the model's fingerprint.
 *
 * <p>Format: <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">GGUF</a>, versions 2 and 3, little-endian.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class GgufFile {
    /** Files up to this size are hashed whole. */
    static final long WHOLE = 256L << 20;
    /** Of larger files: bytes hashed at the start and at the end of each tensor, and at each sample between. */
    static final int SAMPLE = 64 << 10;

    private static final int SAMPLES_BETWEEN = 14;
    private static final int MAGIC = 0x46554747;
    private static final int MAX_TENSORS = 1 << 20;
    private static final long DEFAULT_ALIGNMENT = 32;
    private static final Pattern SPLIT = Pattern.compile("(.*)-(\\d{5})-of-(\\d{5})\\.gguf");

    private GgufFile() {}

    /** What was read of the head: where the tensors' data begins, and their offsets from there. */
    record Head(long dataAt, long[] tensorOffsets) {}

    /**
     * SHA-256 over what determines a model's KV rows, in lower-case hex. Files up to {@link #WHOLE} are hashed whole. Of
     * larger ones: the size, the whole head (metadata and tensor descriptions), and of each tensor its first and last 64
     * KiB and 14 samples of 64 KiB at even distances between: two models that differ in no such place are taken for the
     * same. All parts of a split model count.
     */
    static String fingerprint(Path file) {
        try {
            MessageDigest digest = MessageDigest.getInstance("SHA-256");
            digest.update("baton-model-1".getBytes(StandardCharsets.UTF_8));
            for (Path part : parts(file)) {
                hash(digest, part);
            }
            return HexFormat.of().formatHex(digest.digest());
        } catch (IOException e) {
            throw new BatonException(
                    ErrorCode.ENGINE_FAILED, "the model file " + file + " cannot be read: " + e.getMessage(), e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** All files of a model; the file itself unless its name says that it is one of several. */
    static List<Path> parts(Path file) {
        Matcher m = SPLIT.matcher(file.getFileName().toString());
        if (!m.matches()) {
            return List.of(file);
        }
        int count = Integer.parseInt(m.group(3));
        List<Path> parts = new ArrayList<>();
        for (int i = 1; i <= count; i++) {
            parts.add(file.resolveSibling(String.format("%s-%05d-of-%05d.gguf", m.group(1), i, count)));
        }
        return parts;
    }

    private static void hash(MessageDigest digest, Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file)) {
            long size = channel.size();
            digest.update(ByteBuffer.allocate(8).putLong(0, size));
            ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 20);
            Head head = readHead(file, channel);
            if (size <= WHOLE) {
                update(digest, channel, buffer, 0, size);
                return;
            }
            update(digest, channel, buffer, 0, head.dataAt());
            long[] starts = head.tensorOffsets().clone();
            Arrays.sort(starts);
            for (int i = 0; i < starts.length; i++) {
                long begin = head.dataAt() + starts[i];
                long end = i + 1 < starts.length ? head.dataAt() + starts[i + 1] : size;
                long room = end - begin - SAMPLE;
                if (room <= (long) SAMPLE * (SAMPLES_BETWEEN + 1)) {
                    update(digest, channel, buffer, begin, end);
                    continue;
                }
                for (int s = 0; s <= SAMPLES_BETWEEN + 1; s++) {
                    long at = begin + room * s / (SAMPLES_BETWEEN + 1);
                    update(digest, channel, buffer, at, at + SAMPLE);
                }
            }
        }
    }

    private static void update(MessageDigest digest, FileChannel channel, ByteBuffer buffer, long begin, long end)
            throws IOException {
        long at = begin;
        while (at < end) {
            buffer.clear().limit((int) Math.min(buffer.capacity(), end - at));
            int n = channel.read(buffer, at);
            if (n < 0) {
                throw new IOException("it ends at byte " + at + " and should go on to " + end);
            }
            digest.update(buffer.flip());
            at += n;
        }
    }

    /** Reads the head of a file. */
    static Head readHead(Path file) {
        try (FileChannel channel = FileChannel.open(file)) {
            return readHead(file, channel);
        } catch (IOException e) {
            throw new BatonException(
                    ErrorCode.ENGINE_FAILED, "the model file " + file + " cannot be read: " + e.getMessage(), e);
        }
    }

    private static Head readHead(Path file, FileChannel channel) throws IOException {
        Reader in = new Reader(channel);
        try {
            if (in.u32() != MAGIC) {
                throw new IOException("it does not begin with GGUF");
            }
            int version = in.u32();
            if (version != 2 && version != 3) {
                throw new IOException("it is GGUF version " + version + "; versions 2 and 3 are known");
            }
            long tensors = in.u64();
            long values = in.u64();
            if (tensors < 0 || tensors > MAX_TENSORS || values < 0 || values > MAX_TENSORS) {
                throw new IOException("it claims " + tensors + " tensors and " + values + " metadata values");
            }
            long alignment = DEFAULT_ALIGNMENT;
            for (long i = 0; i < values; i++) {
                String key = in.string();
                int type = in.u32();
                if (key.equals("general.alignment") && type == 4) {
                    alignment = Integer.toUnsignedLong(in.u32());
                } else {
                    in.skipValue(type, 0);
                }
            }
            long[] offsets = new long[(int) tensors];
            for (int i = 0; i < offsets.length; i++) {
                in.skipString();
                int dimensions = in.u32();
                if (dimensions < 0 || dimensions > 8) {
                    throw new IOException("a tensor has " + dimensions + " dimensions");
                }
                in.skip(8L * dimensions + 4);
                offsets[i] = in.u64();
            }
            if (alignment <= 0) {
                throw new IOException("its alignment is " + alignment);
            }
            long dataAt = (in.position() + alignment - 1) / alignment * alignment;
            return new Head(dataAt, offsets);
        } catch (IOException e) {
            throw new BatonException(
                    ErrorCode.ENGINE_FAILED, file + " is not a usable GGUF model: " + e.getMessage(), e);
        }
    }

    /** Reads little-endian values from a channel. */
    private static final class Reader {
        private static final int[] SIZES = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
        private static final int STRING = 8;
        private static final int ARRAY = 9;

        private final FileChannel channel;
        private final ByteBuffer buffer =
                ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN).limit(0);
        private long bufferAt;

        Reader(FileChannel channel) {
            this.channel = channel;
        }

        long position() {
            return bufferAt + buffer.position();
        }

        private void need(int bytes) throws IOException {
            if (buffer.remaining() >= bytes) {
                return;
            }
            bufferAt = position();
            buffer.clear();
            while (buffer.position() < bytes) {
                if (channel.read(buffer, bufferAt + buffer.position()) < 0) {
                    throw new IOException("it is cut off at byte " + (bufferAt + buffer.position()));
                }
            }
            buffer.flip();
        }

        int u32() throws IOException {
            need(4);
            return buffer.getInt();
        }

        long u64() throws IOException {
            need(8);
            return buffer.getLong();
        }

        void skip(long bytes) throws IOException {
            if (bytes < 0 || bytes > channel.size() - position()) {
                throw new IOException("it is cut off: " + bytes + " bytes are missing after byte " + position());
            }
            if (bytes <= buffer.remaining()) {
                buffer.position(buffer.position() + (int) bytes);
            } else {
                bufferAt = position() + bytes;
                buffer.position(0).limit(0);
            }
        }

        void skipString() throws IOException {
            skip(u64());
        }

        String string() throws IOException {
            long length = u64();
            if (length < 0 || length > 65_535) {
                throw new IOException("a metadata key has " + length + " bytes");
            }
            byte[] bytes = new byte[(int) length];
            for (int i = 0; i < bytes.length; i++) {
                need(1);
                bytes[i] = buffer.get();
            }
            return new String(bytes, StandardCharsets.UTF_8);
        }

        void skipValue(int type, int depth) throws IOException {
            if (type == STRING) {
                skipString();
            } else if (type == ARRAY && depth < 4) {
                int elementType = u32();
                long count = u64();
                if (elementType >= 0 && elementType < SIZES.length && SIZES[elementType] > 0) {
                    skip(Math.multiplyExact(count, (long) SIZES[elementType]));
                } else {
                    for (long i = 0; i < count; i++) {
                        skipValue(elementType, depth + 1);
                    }
                }
            } else if (type >= 0 && type < SIZES.length && SIZES[type] > 0) {
                skip(SIZES[type]);
            } else {
                throw new IOException("a metadata value has the unknown type " + type);
            }
        }
    }

    /** Whether a file can be opened; otherwise refuses with what to do. */
    static void requireReadable(Path file) {
        if (!Files.isRegularFile(file) || !Files.isReadable(file)) {
            throw new BatonException(
                    ErrorCode.ENGINE_FAILED,
                    "there is no readable model file " + file + "; give the path of a GGUF file");
        }
    }
}
