package io.baton.engine.chat;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A template, rewritten so that jinjava reads it as Hugging Face's Jinja2 does.
 *
 * <ul>
 *   <li>White space is resolved here: {@code trim_blocks} and {@code lstrip_blocks} are on, {@code -} and {@code +} at tag
 *       borders count, one newline at the end of the template goes.
 *   <li>String literals become variables with their value, so that Python's escapes and braces inside strings mean what
 *       they mean in Python.
 *   <li>{@code not} binds weaker than tests, and the values of named arguments are expressions.
 *   <li>{@code for x in y if z} becomes a selection and a loop.
 *   <li>{@code {% generation %}}, which marks training text, and its end disappear; {@code [::-1]} becomes a filter.
 * </ul>
 *
 * <p><em>Thread-safety:</em> immutable once built.
 */
final class TemplateSource {
    private static final String LITERAL = "baton_literal_";
    private static final Pattern END_RAW = Pattern.compile("\\{%([-+]?)\\s*endraw\\s*([-+]?)%}");
    private static final Pattern REVERSED = Pattern.compile("\\[\\s*::\\s*-1\\s*]");

    /** {@code not a.b is defined}, where jinjava lets {@code not} bind stronger than the test. */
    private static final Pattern NEGATED_TEST =
            Pattern.compile("\\bnot\\s+([A-Za-z_][\\w.]*(?:\\[\\w+])*\\s+is\\s+(?:not\\s+)?\\w+)");

    private static final Pattern FILTER = Pattern.compile("\\|\\s*([A-Za-z_]\\w*)");
    private static final Pattern TEST = Pattern.compile("\\bis\\s+(?:not\\s+)?([A-Za-z_]\\w*)");
    private static final Pattern FILTERED_LOOP = Pattern.compile("for\\s+(\\w+)\\s+in\\s+(.+?)\\s+if\\s+(.+)");
    private static final Pattern ELSE = Pattern.compile("\\belse\\b");

    private final String in;
    private final StringBuilder out = new StringBuilder();
    private final Map<String, String> literals = new LinkedHashMap<>();
    private final Set<String> filters = new LinkedHashSet<>();
    private final Set<String> tests = new LinkedHashSet<>();
    private int selections;
    private int at;
    /** Whether the text that follows begins with white space to drop (a tag ended with {@code -}). */
    private boolean dropLeading;
    /** Whether the text that follows begins a line. */
    private boolean lineStart = true;

    private TemplateSource(String in) {
        this.in = in;
    }

    /** Rewrites a template. Throws {@code INVALID_REQUEST} if a tag is not closed. */
    static TemplateSource of(String jinja) {
        String in = jinja.replace("\r\n", "\n").replace('\r', '\n');
        if (in.endsWith("\n")) {
            in = in.substring(0, in.length() - 1);
        }
        TemplateSource source = new TemplateSource(in);
        source.rewrite();
        return source;
    }

    /** The rewritten template. */
    String text() {
        return out.toString();
    }

    /** Variables that the rewritten template needs, and their values. */
    Map<String, String> literals() {
        return literals;
    }

    /** Names of the filters that it uses. */
    Set<String> filters() {
        return filters;
    }

    /** Names of the tests that it uses. */
    Set<String> tests() {
        return tests;
    }

    private void rewrite() {
        while (at < in.length()) {
            int open = nextTag(at);
            if (open < 0) {
                text(in.substring(at), false, false);
                return;
            }
            char kind = in.charAt(open + 1);
            char modifier = open + 2 < in.length() ? in.charAt(open + 2) : ' ';
            boolean minus = modifier == '-';
            boolean plus = modifier == '+' && kind != '{';
            text(in.substring(at, open), minus, kind != '{' && !plus);
            tag(kind, open + 2 + (minus || plus ? 1 : 0));
        }
    }

    private int nextTag(int from) {
        for (int i = in.indexOf('{', from); i >= 0 && i + 1 < in.length(); i = in.indexOf('{', i + 1)) {
            char c = in.charAt(i + 1);
            if (c == '{' || c == '%' || c == '#') {
                return i;
            }
        }
        return -1;
    }

    /** Text before a tag: {@code stripAll} drops the white space at its end, {@code stripIndent} that of its last line. */
    private void text(String raw, boolean stripAll, boolean stripIndent) {
        String t = raw;
        boolean beginsLine = lineStart;
        if (dropLeading) {
            t = t.stripLeading();
            dropLeading = false;
            beginsLine = false;
        }
        if (stripAll) {
            t = t.stripTrailing();
        } else if (stripIndent) {
            int line = t.lastIndexOf('\n') + 1;
            if ((line > 0 || beginsLine) && t.substring(line).isBlank()) {
                t = t.substring(0, line);
            }
        }
        lineStart = false;
        literalText(t);
    }

    /** Text as it is, except that a brace before a tag must not join it. */
    private void literalText(String t) {
        if (t.indexOf('{') >= 0 || t.indexOf('}') >= 0) {
            out.append("{{ ").append(literal(t)).append(" }}");
        } else {
            out.append(t);
        }
    }

    private void tag(char kind, int body) {
        int close = kind == '#' ? in.indexOf("#}", body) : closing(body, kind == '{' ? "}}" : "%}");
        if (close < 0) {
            throw invalid("a '{" + kind + "' is not closed");
        }
        int end = close;
        boolean minus = end > body && in.charAt(end - 1) == '-';
        boolean plus = kind != '{' && end > body && in.charAt(end - 1) == '+';
        if (minus || plus) {
            end--;
        }
        String content = in.substring(body, end).strip();
        at = close + 2;
        boolean raw = kind == '%' && content.equals("raw");
        if (raw) {
            raw(minus);
            return;
        }
        if (kind == '{') {
            out.append("{{ ").append(code(content)).append(" }}");
        } else if (kind == '%' && !content.equals("generation") && !content.equals("endgeneration")) {
            block(code(content));
        }
        after(kind, minus, plus);
    }

    /** {@code for x in y if z}, which jinjava does not know, becomes a selection and a plain loop over it. */
    private void block(String code) {
        Matcher m = FILTERED_LOOP.matcher(code);
        if (m.matches() && !ELSE.matcher(m.group(3)).find()) {
            String selection = "baton_selection_" + selections++;
            out.append("{% set ")
                    .append(selection)
                    .append(" = namespace(items=[]) %}{% for ")
                    .append(m.group(1));
            out.append(" in ")
                    .append(m.group(2))
                    .append(" %}{% if ")
                    .append(m.group(3))
                    .append(" %}{% set ");
            out.append(selection)
                    .append(".items = ")
                    .append(selection)
                    .append(".items + [")
                    .append(m.group(1));
            out.append("] %}{% endif %}{% endfor %}{% for ")
                    .append(m.group(1))
                    .append(" in ")
                    .append(selection);
            out.append(".items %}");
        } else {
            out.append("{% ").append(code).append(" %}");
        }
    }

    private void after(char kind, boolean minus, boolean plus) {
        dropLeading = minus;
        if (!minus && !plus && kind != '{' && at < in.length() && in.charAt(at) == '\n') {
            at++;
            lineStart = true;
        }
    }

    private void raw(boolean dropFirst) {
        Matcher m = END_RAW.matcher(in);
        if (!m.find(at)) {
            throw invalid("a raw block is not closed");
        }
        String t = in.substring(at, m.start());
        t = dropFirst ? t.stripLeading() : t.startsWith("\n") ? t.substring(1) : t;
        literalText("-".equals(m.group(1)) ? t.stripTrailing() : t);
        at = m.end();
        after('%', "-".equals(m.group(2)), "+".equals(m.group(2)));
    }

    /** Where the tag that began before {@code from} closes: not in a string, not in a nested brace. */
    private int closing(int from, String close) {
        int depth = 0;
        for (int i = from; i < in.length(); i++) {
            char c = in.charAt(i);
            if (c == '\'' || c == '"') {
                i = stringEnd(in, i) - 1;
            } else if (depth == 0 && in.startsWith(close, i)) {
                return i;
            } else if (c == '{') {
                depth++;
            } else if (c == '}') {
                depth--;
            }
        }
        return -1;
    }

    private String code(String content) {
        StringBuilder code = new StringBuilder();
        for (int i = 0; i < content.length(); i++) {
            char c = content.charAt(i);
            if (c == '\'' || c == '"') {
                int end = stringEnd(content, i);
                code.append(literal(unescape(content.substring(i + 1, end - 1))));
                i = end - 1;
            } else if (c == '\n' || c == '\t') {
                code.append(' ');
            } else {
                code.append(c);
            }
        }
        FILTER.matcher(code).results().forEach(r -> filters.add(r.group(1)));
        TEST.matcher(code).results().forEach(r -> tests.add(r.group(1)));
        String reversed = REVERSED.matcher(code).replaceAll("|reverse|list");
        String negated = NEGATED_TEST.matcher(reversed).replaceAll("not ($1)");
        return content.startsWith("macro") ? negated : parenthesiseNamed(negated);
    }

    /** {@code f(name=a + 1)} becomes {@code f(name=(a + 1))}: jinjava lets the name bind stronger than the operator. */
    private static String parenthesiseNamed(String code) {
        StringBuilder b = new StringBuilder();
        int depth = 0;
        int openAt = -1;
        for (int i = 0; i < code.length(); i++) {
            char c = code.charAt(i);
            boolean ends = c == ',' || c == ')';
            if (ends && openAt == depth) {
                b.append(')');
                openAt = -1;
            }
            depth += c == '(' || c == '[' || c == '{' ? 1 : c == ')' || c == ']' || c == '}' ? -1 : 0;
            b.append(c);
            if (c == '=' && depth > 0 && openAt < 0 && isAssignment(code, i)) {
                b.append('(');
                openAt = depth;
            }
        }
        return b.toString();
    }

    private static boolean isAssignment(String code, int equals) {
        char before = code.charAt(equals - 1);
        char after = equals + 1 < code.length() ? code.charAt(equals + 1) : ' ';
        return after != '=' && before != '=' && before != '!' && before != '<' && before != '>';
    }

    private String literal(String value) {
        String name = LITERAL + literals.size();
        literals.put(name, value);
        return name;
    }

    private static int stringEnd(String s, int quote) {
        for (int i = quote + 1; i < s.length(); i++) {
            if (s.charAt(i) == '\\') {
                i++;
            } else if (s.charAt(i) == s.charAt(quote)) {
                return i + 1;
            }
        }
        throw invalid("a string is not closed");
    }

    /** Python's escapes; an unknown one stays as it is, as in Python. */
    private static String unescape(String s) {
        if (s.indexOf('\\') < 0) {
            return s;
        }
        StringBuilder b = new StringBuilder();
        for (int i = 0; i < s.length(); i++) {
            char c = s.charAt(i);
            if (c != '\\' || i + 1 == s.length()) {
                b.append(c);
                continue;
            }
            char e = s.charAt(++i);
            int digits = e == 'x' ? 2 : e == 'u' ? 4 : e == 'U' ? 8 : 0;
            if (digits > 0 && i + digits < s.length()) {
                b.appendCodePoint(Integer.parseInt(s, i + 1, i + 1 + digits, 16));
                i += digits;
            } else {
                switch (e) {
                    case 'n' -> b.append('\n');
                    case 't' -> b.append('\t');
                    case 'r' -> b.append('\r');
                    case 'f' -> b.append('\f');
                    case 'b' -> b.append('\b');
                    case '\\', '\'', '"' -> b.append(e);
                    case '\n' -> {}
                    default -> b.append('\\').append(e);
                }
            }
        }
        return b.toString();
    }

    static BatonException invalid(String what) {
        return new BatonException(ErrorCode.INVALID_REQUEST, "the model's chat template cannot be read: " + what);
    }
}
