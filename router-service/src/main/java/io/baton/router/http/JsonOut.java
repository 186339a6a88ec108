package io.baton.router.http;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import io.vertx.core.buffer.Buffer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;

/**
 * Writes JSON into buffers, plain or as an event of an event stream.
 *
 * <p><em>Thread-safety:</em> stateless; each buffer belongs to the caller.
 */
final class JsonOut {
    private static final JsonFactory JSON = new JsonFactory();
    private static final byte[] DATA = "data: ".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] END = "\n\n".getBytes(StandardCharsets.US_ASCII);

    private JsonOut() {}

    /** Writes one value. */
    @FunctionalInterface
    interface Body {
        void write(JsonGenerator json) throws IOException;
    }

    static Buffer plain(Body body) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(512);
        write(out, body);
        return Buffer.buffer(out.toByteArray());
    }

    static Buffer event(Body body) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(320);
        out.writeBytes(DATA);
        write(out, body);
        out.writeBytes(END);
        return Buffer.buffer(out.toByteArray());
    }

    private static void write(ByteArrayOutputStream out, Body body) {
        try (JsonGenerator json = JSON.createGenerator(out)) {
            body.write(json);
        } catch (IOException e) {
            throw new UncheckedIOException("writing JSON into memory failed", e);
        }
    }

    static void error(JsonGenerator json, ApiError error) throws IOException {
        json.writeStartObject();
        json.writeObjectFieldStart("error");
        json.writeStringField("message", error.message());
        json.writeStringField("type", error.type());
        json.writeStringField("param", error.param());
        json.writeStringField("code", error.code());
        json.writeEndObject();
        json.writeEndObject();
    }
}
