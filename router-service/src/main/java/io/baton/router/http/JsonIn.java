package io.baton.router.http;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.google.protobuf.UnsafeByteOperations;
import io.vertx.core.buffer.Buffer;
import java.io.IOException;
import java.io.UncheckedIOException;

/**
 * Reads JSON bodies strictly: valid UTF-8, one value, no member twice.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class JsonIn {
    /** The encoding is known: guessing it would let UTF-16 through. */
    private static final JsonFactory UTF_8 =
            JsonFactory.builder().disable(JsonFactory.Feature.CHARSET_DETECTION).build();

    private static final ObjectReader READER = JsonMapper.builder(UTF_8)
            .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build()
            .readerFor(JsonNode.class);

    private JsonIn() {}

    /**
     * The body's value.
     *
     * @throws ApiError 400 if the body is not UTF-8 or not JSON
     */
    static JsonNode parse(Buffer body) {
        byte[] bytes = body.getBytes();
        if (!UnsafeByteOperations.unsafeWrap(bytes).isValidUtf8()) {
            throw ApiError.invalid("the body is not valid UTF-8");
        }
        if (isBlank(bytes)) {
            throw ApiError.invalid("the body is empty; send a JSON object");
        }
        try {
            return READER.readValue(bytes);
        } catch (JsonProcessingException e) {
            var at = e.getLocation();
            String where = at == null ? "" : " at line " + at.getLineNr() + ", column " + at.getColumnNr();
            throw ApiError.invalid("the body is not valid JSON" + where);
        } catch (IOException e) {
            throw new UncheckedIOException("reading memory failed", e);
        }
    }

    private static boolean isBlank(byte[] bytes) {
        for (byte b : bytes) {
            if (b != ' ' && b != '\t' && b != '\n' && b != '\r') {
                return false;
            }
        }
        return true;
    }
}
