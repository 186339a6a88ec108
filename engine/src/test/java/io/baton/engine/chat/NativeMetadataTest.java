package io.baton.engine.chat;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/**
 * jinjava makes its filters, tests, tags and functions by reflection, of which a native image has only what is written
 * down. Another version of jinjava with other classes is noticed here, and not by the users of an executable.
 */
class NativeMetadataTest {
    private static final String FILE = "/META-INF/native-image/io.baton/baton-engine/reachability-metadata.json";

    @Test
    void shouldNameEveryClassThatJinjavaMakesByReflection() throws IOException {
        // Given
        Context context = new Jinjava().getGlobalContext();
        List<Object> made = new ArrayList<>(context.getAllFilters());
        made.addAll(context.getAllExpTests());
        made.addAll(context.getAllTags());
        TreeSet<String> wanted = new TreeSet<>();
        made.forEach(o -> wanted.add(o.getClass().getName()));
        for (ELFunctionDefinition function : context.getAllFunctions()) {
            wanted.add(function.getMethod().getDeclaringClass().getName());
        }
        wanted.add(TemplateFunctions.class.getName());
        wanted.add(PythonJson.class.getName());

        // When
        TreeSet<String> named = new TreeSet<>();
        for (JsonNode entry : metadata().get("reflection")) {
            named.add(entry.get("type").asText());
        }

        // Then
        assertThat(wanted).hasSizeGreaterThan(100);
        assertThat(named).containsAll(wanted);
    }

    @Test
    void shouldNameOnlyWhatThereIs() throws IOException {
        for (JsonNode entry : metadata().get("reflection")) {
            assertThat(entry.get("type").asText()).satisfies(Class::forName);
        }
    }

    private static JsonNode metadata() throws IOException {
        try (InputStream in = Objects.requireNonNull(NativeMetadataTest.class.getResourceAsStream(FILE))) {
            return new ObjectMapper().readTree(in);
        }
    }
}
