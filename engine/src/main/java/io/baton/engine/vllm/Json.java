package io.baton.engine.vllm;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * JSON as trees and streams.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class Json {
    private static final JsonFactory FACTORY = new JsonFactory();
    private static final JsonMapper TREES = JsonMapper.builder()
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
            .build();

    private Json() {}

    /** Writes an object. */
    @FunctionalInterface
    interface Writer {
        void write(JsonGenerator json) throws IOException;
    }

    static JsonNode tree(byte[] json) throws IOException {
        return TREES.readTree(json);
    }

    /** An object with the members that {@code members} writes. */
    static byte[] object(Writer members) {
        ByteArrayOutputStream out = new ByteArrayOutputStream(256);
        try (JsonGenerator json = FACTORY.createGenerator(out)) {
            json.writeStartObject();
            members.write(json);
            json.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException("memory is no stream that fails", e);
        }
        return out.toByteArray();
    }

    /**
     * The bytes of a member of the object {@code json} that is itself an object; null if it is absent, null or anything
     * else.
     */
    static byte @Nullable [] rawMember(byte[] json, String name) throws IOException {
        try (JsonParser parser = FACTORY.createParser(json)) {
            if (parser.nextToken() != JsonToken.START_OBJECT) {
                return null;
            }
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                boolean wanted = parser.currentName().equals(name);
                JsonToken value = parser.nextToken();
                long begin = parser.currentTokenLocation().getByteOffset();
                parser.skipChildren();
                if (wanted) {
                    long end = parser.currentLocation().getByteOffset();
                    return value == JsonToken.START_OBJECT
                            ? Arrays.copyOfRange(json, Math.toIntExact(begin), Math.toIntExact(end))
                            : null;
                }
            }
            return null;
        }
    }

    /** Whether the bytes are exactly one JSON object, so that they can stand in another one. */
    static boolean isObject(byte[] json) {
        try {
            return tree(json).isObject();
        } catch (IOException e) {
            // The answer to the question.
            return false;
        }
    }
}
