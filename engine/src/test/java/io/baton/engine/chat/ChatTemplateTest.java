package io.baton.engine.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.baton.engine.Tokenizer.ChatMessage;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ChatTemplateTest {
    private static final List<ChatMessage> CONVERSATION = List.of(
            new ChatMessage("system", "Be brief."),
            new ChatMessage("user", "Hello?"),
            new ChatMessage("assistant", "Yes?"),
            new ChatMessage("user", "Bye"));

    private static String resource(String name) throws IOException {
        try (InputStream in = ChatTemplateTest.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IOException("no resource " + name);
            }
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        }
    }

    private static String render(String template) {
        return ChatTemplate.compile(template, "<s>", "</s>").render(CONVERSATION, true);
    }

    static Stream<Arguments> goldens() throws IOException {
        List<Arguments> all = new ArrayList<>();
        int n = 0;
        for (JsonNode golden : new ObjectMapper().readTree(resource("goldens.json"))) {
            all.add(Arguments.of(golden.get("template").asText() + " " + n++, golden));
        }
        return all.stream();
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("goldens")
    void shouldRenderWhatJinja2Renders(String name, JsonNode golden) throws IOException {
        // Given
        ChatTemplate template =
                ChatTemplate.compile(resource(golden.get("template").asText()), "<s>", "</s>");
        List<ChatMessage> messages = new ArrayList<>();
        golden.get("messages")
                .forEach(m -> messages.add(
                        new ChatMessage(m.get("role").asText(), m.get("content").asText())));
        boolean generate = golden.get("addGenerationPrompt").asBoolean();
        // Then
        if (golden.has("refused")) {
            assertThatThrownBy(() -> template.render(messages, generate))
                    .hasMessageContaining(golden.get("refused").asText())
                    .isInstanceOfSatisfying(
                            BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_REQUEST));
        } else {
            assertThat(template.render(messages, generate))
                    .isEqualTo(golden.get("text").asText());
        }
    }

    @ParameterizedTest
    @CsvSource(delimiterString = " => ", quoteCharacter = '`', textBlock = """
                    {{ messages[-1].content }} => Bye
                    {{ 'a b'.split(' ')[-1] }}{{ ' x '.strip() }}{{ 'xxa'.lstrip('x') }} => bxa
                    {{ messages|map(attribute='role')|join(',') }} => system,user,assistant,user
                    {{ messages|selectattr('role','equalto','user')|list|length }} => 2
                    {% for m in messages if m.role == 'user' %}{{ loop.index }}{% endfor %} => 12
                    {% for m in messages[::-1] %}{{ m.role[0] }}{% endfor %} => uaus
                    {{ messages[0]|tojson }} => {"role": "system", "content": "Be brief."}
                    {% set x %}a{{ 'b' }}{% endset %}{{ x }} => ab
                    {% macro f(a, b='z') %}[{{ a }}{{ b }}]{% endmacro %}{{ f('q') }} => [qz]
                    {{ 'x' in 'xyz' and 'q' not in 'xyz' }} => true
                    {% if not tools is defined %}none{% endif %} => none
                    {% for k, v in messages[1].items() %}{{ k }}={{ v }};{% endfor %} => role=user;content=Hello?;
                    {{ 'x' if messages else 'y' }}{{ 'n' ~ 1 }}{{ 7 // 2 }}{{ 7 % 4 }} => xn133
                    {% raw %}{{ x }}{% endraw %}{ {{ '{' }} }{# note #} => {{ x }}{ { }
                    {% for i in range(4) %}{% if i == 2 %}{% break %}{% endif %}{{ i }}{% endfor %} => 01
                    {% generation %}g{% endgeneration %}{{ '\\u00e9\\'' }} => gé'
                    """)
    void shouldKnowWhatTemplatesUse(String template, String expected) {
        assertThat(render(template)).isEqualTo(expected);
    }

    @Test
    void shouldTreatWhiteSpaceAsTransformersDoes() {
        assertThat(render("a\n  {% if true %}\n  b\n  {% endif %}\nc\n")).isEqualTo("a\n  b\nc");
        assertThat(render("a\n  {%+ if true +%}\n  b\n{% endif -%}\n\n c")).isEqualTo("a\n  \n  b\nc");
        assertThat(render("a \n {{- ' b ' -}} \n c")).isEqualTo("a b c");
        assertThat(render("a\n  {{ 'b' }}\nc")).isEqualTo("a\n  b\nc");
    }

    @Test
    void shouldKnowTheDateOfToday() {
        assertThat(render("{{ strftime_now('%Y') }}")).matches("\\d{4}");
    }

    @Test
    void shouldNeverInterpretWhatWasSaid() {
        // Given
        String said = "{{ 7 * 7 }}{% for i in range(9) %}x{% endfor %}{# c #}${7*7}#{7}";
        // Then
        assertThat(ChatTemplate.compile("{{ messages[0].content }}|{{ messages[0]['content'] + '' }}", "", "")
                        .render(List.of(new ChatMessage("user", said)), true))
                .isEqualTo(said + "|" + said);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{{ ''.getClass() }}",
                "{{ messages.getClass().forName('java.lang.Runtime') }}",
                "{{ ____int3rpr3t3r____.getConfig() }}",
                "{% include '/etc/passwd' %}",
                "{% import '/etc/passwd' as x %}",
                "{% from '/etc/passwd' import x %}",
                "{% extends '/etc/passwd' %}",
                "{{ 'x'|render }}",
                "{{ x",
                "{% if %}",
                "{% nonsense %}",
                "{{ 'x'|nonsense }}",
                "{{ 'x' is nonsense }}",
                "{{ nonsense('x') }}",
                "{{ 'unclosed }}",
                "{% for m in messages %}"
            })
    void shouldRefuseWhatIsNotATemplateOrReachesOut(String template) {
        assertThatThrownBy(() -> render(template))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_REQUEST));
    }

    @ParameterizedTest
    @ValueSource(strings = {"class", "bytes", "size", "declaringClass"})
    void shouldShowNoPropertyOfJavaObjects(String property) {
        assertThat(render("[{{ messages." + property + " }}{{ messages[0]." + property + " }}{{ loop." + property
                        + " }}{{ ____int3rpr3t3r____." + property + " }}]"))
                .isEqualTo("[]");
    }

    @Test
    void shouldBoundTheOutput() {
        // Given
        ChatTemplate template = ChatTemplate.compile(
                "{% for m in messages %}{{ m.content }}{% endfor %}", "", "", new ChatTemplate.Limits(1000, 1000));
        // Then
        assertThat(template.render(Collections.nCopies(10, new ChatMessage("user", "x".repeat(50))), true))
                .hasSize(500);
        assertThatThrownBy(() ->
                        template.render(Collections.nCopies(100, new ChatMessage("user", "x".repeat(50))), true))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_REQUEST));
    }

    @Test
    void shouldBoundTheWork() {
        // Given loops that would run 10^12 times
        ChatTemplate template = ChatTemplate.compile(
                "{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}"
                        + "{% for d in range(1000) %}{% set x = d %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
                "", "", new ChatTemplate.Limits(1000, 10_000));
        // Then
        assertThatThrownBy(() -> template.render(CONVERSATION, true)).hasMessageContaining("10000 steps");
    }

    @Test
    void shouldBoundRecursion() {
        assertThatThrownBy(() -> render("{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}"))
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_REQUEST));
    }

    @Test
    void shouldRenderAThousandMessages() {
        assertThat(render("{% for m in messages %}{{ m.role }}{% endfor %}")).isEqualTo("systemuserassistantuser");
        assertThat(ChatTemplate.compile("{% for m in messages %}{{ m.content }}{% endfor %}", "", "")
                        .render(Collections.nCopies(1000, new ChatMessage("user", "ab")), true))
                .hasSize(2000);
    }
}
