package io.baton.engine.llamacpp.library;

import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;

/**
 * Takes plain files out of a gzipped tar archive, as far as npm packages need it: ustar headers, names up to 255 bytes.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class TarGz {
    private static final int RECORD = 512;

    private TarGz() {}

    /** Extracts the files directly in {@code folder} whose names end in {@code suffix} into a directory. */
    static void extract(Path archive, String folder, String suffix, Path target) throws IOException {
        try (InputStream in = new GZIPInputStream(new BufferedInputStream(Files.newInputStream(archive)), 1 << 16)) {
            byte[] header = new byte[RECORD];
            while (in.readNBytes(header, 0, RECORD) == RECORD && header[0] != 0) {
                String prefix = text(header, 345, 155);
                String name = prefix.isEmpty() ? text(header, 0, 100) : prefix + "/" + text(header, 0, 100);
                long size = Long.parseLong(text(header, 124, 12).strip(), 8);
                boolean plain = header[156] == '0' || header[156] == 0;
                int slash = name.lastIndexOf('/');
                String file = name.substring(slash + 1);
                // Comparing the whole folder also keeps names such as ../x out.
                if (plain && slash >= 0 && name.substring(0, slash).equals(folder) && file.endsWith(suffix)) {
                    try (OutputStream out = Files.newOutputStream(target.resolve(file))) {
                        copy(in, out, size);
                    }
                } else {
                    in.skipNBytes(size);
                }
                in.skipNBytes((RECORD - size % RECORD) % RECORD);
            }
        }
    }

    private static void copy(InputStream in, OutputStream out, long size) throws IOException {
        byte[] buffer = new byte[1 << 16];
        for (long left = size; left > 0; ) {
            int n = in.read(buffer, 0, (int) Math.min(buffer.length, left));
            if (n < 0) {
                throw new EOFException("the archive is cut off");
            }
            out.write(buffer, 0, n);
            left -= n;
        }
    }

    private static String text(byte[] header, int at, int length) {
        int end = at;
        while (end < at + length && header[end] != 0) {
            end++;
        }
        return new String(header, at, end - at, StandardCharsets.UTF_8);
    }
}
