package io.baton.router.http;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashSet;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reads the members of a JSON object by name and type, and refuses those that nobody read. An explicit null counts as absent.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class Fields {
    private final JsonNode object;
    private final String path;
    private final Set<String> known = new HashSet<>();

    /**
     * The members of an object.
     *
     * @param path where the object is in the request, e.g. {@code messages[0]}; empty for the request itself
     */
    Fields(JsonNode object, String path) {
        if (!object.isObject()) {
            throw path.isEmpty()
                    ? ApiError.invalid("the body must be a JSON object")
                    : ApiError.field(path, "must be an object");
        }
        this.object = object;
        this.path = path.isEmpty() ? "" : path + ".";
    }

    /** The full name of a member. */
    String name(String member) {
        return path + member;
    }

    /** The member as it is; null if it is absent. */
    @Nullable
    JsonNode any(String member) {
        known.add(member);
        JsonNode value = object.get(member);
        return value == null || value.isNull() ? null : value;
    }

    @Nullable
    String string(String member) {
        JsonNode value = any(member);
        return value == null ? null : text(value, name(member));
    }

    @Nullable
    Boolean bool(String member) {
        JsonNode value = any(member);
        if (value == null) {
            return null;
        }
        if (!value.isBoolean()) {
            throw ApiError.field(name(member), "must be true or false");
        }
        return value.booleanValue();
    }

    @Nullable
    Integer integer(String member) {
        JsonNode value = any(member);
        return value == null ? null : integer(value, name(member));
    }

    @Nullable
    Float number(String member) {
        JsonNode value = any(member);
        return value == null ? null : number(value, name(member));
    }

    @Nullable
    JsonNode array(String member) {
        JsonNode value = any(member);
        if (value != null && !value.isArray()) {
            throw ApiError.field(name(member), "must be an array");
        }
        return value;
    }

    /** Accepts one value of a member that is otherwise not supported. */
    void only(String member, Object allowed) {
        JsonNode value = any(member);
        if (value != null && !value.asText().equals(allowed.toString())) {
            throw ApiError.field(name(member), "is supported only as " + allowed);
        }
    }

    /** Accepts a member without a meaning here. */
    void harmless(String member) {
        known.add(member);
    }

    /** Refuses every member that was not read. */
    void refuseOthers() {
        for (var members = object.fieldNames(); members.hasNext(); ) {
            String member = members.next();
            JsonNode value = object.get(member);
            if (!known.contains(member) && !value.isNull()) {
                String shown = member.length() <= 64 ? member : member.substring(0, 64) + "…";
                throw ApiError.field(name(shown), "is not supported; leave it out");
            }
        }
    }

    static String text(JsonNode value, String name) {
        if (!value.isTextual()) {
            throw ApiError.field(name, "must be a string");
        }
        String text = value.textValue();
        if (!isUnicode(text)) {
            throw ApiError.field(name, "has half of a surrogate pair, which is not a character");
        }
        return text;
    }

    static int integer(JsonNode value, String name) {
        if (!value.isIntegralNumber()) {
            throw ApiError.field(name, "must be an integer");
        }
        if (!value.canConvertToInt()) {
            throw ApiError.field(name, "is out of range");
        }
        return value.intValue();
    }

    static float number(JsonNode value, String name) {
        if (!value.isNumber()) {
            throw ApiError.field(name, "must be a number");
        }
        return value.floatValue();
    }

    private static boolean isUnicode(String text) {
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            if (Character.isSurrogate(c)) {
                if (!Character.isHighSurrogate(c)
                        || i + 1 == text.length()
                        || !Character.isLowSurrogate(text.charAt(i + 1))) {
                    return false;
                }
                i++;
            }
        }
        return true;
    }
}
