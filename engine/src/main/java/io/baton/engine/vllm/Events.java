package io.baton.engine.vllm;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The events of a {@code text/event-stream}: what stands after {@code data:}, joined if an event has several such lines.
 * Other fields and comments are skipped, as the HTML standard says.
 *
 * <p><em>Thread-safety:</em> none; one thread reads.
 */
final class Events {
    private final Body body;
    private final int maxEvent;
    private final ByteArrayOutputStream line = new ByteArrayOutputStream(256);
    private final ArrayDeque<ByteBuffer> waiting = new ArrayDeque<>();
    private boolean atEnd;

    Events(Body body, int maxEvent) {
        this.body = body;
        this.maxEvent = maxEvent;
    }

    /** The next event; null at the end of the stream. An event that the end cut off is none. */
    @Nullable
    String next(Duration patience) throws IOException, InterruptedException {
        StringBuilder data = new StringBuilder();
        boolean any = false;
        for (String text = line(patience); text != null; text = line(patience)) {
            if (text.isEmpty()) {
                if (any) {
                    return data.toString();
                }
            } else if (text.startsWith("data:")) {
                data.append(any ? "\n" : "").append(text, text.startsWith("data: ") ? 6 : 5, text.length());
                any = true;
                if (data.length() > maxEvent) {
                    throw tooLarge();
                }
            }
        }
        return null;
    }

    private @Nullable String line(Duration patience) throws IOException, InterruptedException {
        while (true) {
            ByteBuffer buffer = waiting.peek();
            if (buffer == null) {
                List<ByteBuffer> more = atEnd ? null : body.next(patience);
                if (more == null) {
                    atEnd = true;
                    return null;
                }
                waiting.addAll(more);
            } else if (!buffer.hasRemaining()) {
                waiting.remove();
            } else {
                byte b = buffer.get();
                if (b == '\n') {
                    String text = line.toString(StandardCharsets.UTF_8);
                    line.reset();
                    return text.endsWith("\r") ? text.substring(0, text.length() - 1) : text;
                }
                line.write(b);
                if (line.size() > maxEvent) {
                    throw tooLarge();
                }
            }
        }
    }

    private IOException tooLarge() {
        return new IOException("an event of more than " + maxEvent + " bytes (baton.vllm.max-event)");
    }
}
