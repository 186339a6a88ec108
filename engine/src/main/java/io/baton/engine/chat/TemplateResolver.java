package io.baton.engine.chat;

import com.hubspot.jinjava.el.ext.JinjavaBeanELResolver;
import com.hubspot.jinjava.lib.exptest.ExpTest;
import com.hubspot.jinjava.lib.filter.Filter;
import com.hubspot.jinjava.util.ForLoop;
import java.beans.FeatureDescriptor;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import jinjava.javax.el.ELContext;
import jinjava.javax.el.ELResolver;
import jinjava.javax.el.MethodNotFoundException;
import jinjava.javax.el.PropertyNotWritableException;
import org.jspecify.annotations.Nullable;

/**
 * What templates can reach: entries of maps and lists, characters of strings, the {@code loop} variable, and Python's
 * methods of strings, lists and dictionaries. There is no reflection, so no Java object can be reached.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class TemplateResolver extends ELResolver {
    private static final ELResolver LIBRARY = new JinjavaBeanELResolver();
    private static final Pattern INDEX = Pattern.compile("-?\\d{1,9}");

    @Override
    public @Nullable Object getValue(ELContext context, @Nullable Object base, @Nullable Object property) {
        if (base == null || property == null) {
            return null;
        }
        context.setPropertyResolved(true);
        return switch (base) {
            case Map<?, ?> map -> map.get(property instanceof CharSequence ? property.toString() : property);
            case List<?> list -> element(list, property);
            case Object[] array -> element(Arrays.asList(array), property);
            case CharSequence s -> character(s.toString(), property);
            case Map.Entry<?, ?> entry -> element(Arrays.asList(entry.getKey(), entry.getValue()), property);
            case ForLoop loop -> loopProperty(loop, property.toString());
            default -> null;
        };
    }

    private static @Nullable Object element(List<?> list, Object property) {
        int i = index(property, list.size());
        return i < 0 ? null : list.get(i);
    }

    private static @Nullable Object character(String s, Object property) {
        int i = index(property, s.length());
        return i < 0 ? null : s.substring(i, i + 1);
    }

    private static int index(Object property, int size) {
        int n;
        if (property instanceof Number number) {
            n = number.intValue();
        } else if (INDEX.matcher(property.toString()).matches()) {
            // jinjava hands numbers over as text.
            n = Integer.parseInt(property.toString());
        } else {
            return -1;
        }
        int i = n < 0 ? n + size : n;
        return i < size ? i : -1;
    }

    private static @Nullable Object loopProperty(ForLoop loop, String property) {
        return switch (property) {
            case "index" -> (long) loop.getIndex();
            case "index0" -> (long) loop.getIndex0();
            case "revindex" -> (long) loop.getRevindex();
            case "revindex0" -> (long) loop.getRevindex0();
            case "length" -> (long) loop.getLength();
            case "depth" -> (long) loop.getDepth();
            case "first" -> loop.isFirst();
            case "last" -> loop.isLast();
            default -> null;
        };
    }

    @Override
    public @Nullable Object invoke(
            ELContext context, @Nullable Object base, @Nullable Object method, Class<?>[] types, Object[] arguments) {
        if (base == null || method == null) {
            return null;
        }
        context.setPropertyResolved(true);
        Object[] args = arguments == null ? new Object[0] : arguments;
        return switch (base) {
            // How jinjava itself calls its filters and tests.
            case Filter filter
            when method.toString().equals("filter") -> LIBRARY.invoke(context, filter, method, types, args);
            case ExpTest test
            when method.toString().startsWith("evaluate") -> LIBRARY.invoke(context, test, method, types, args);
            case CharSequence s -> ofString(s.toString(), method.toString(), args);
            case Map<?, ?> map -> ofMap(map, method.toString(), args);
            case List<?> list when method.toString().equals("index") -> (long) list.indexOf(args[0]);
            case List<?> list when method.toString().equals("count") -> (long) Collections.frequency(list, args[0]);
            default -> throw new MethodNotFoundException("a chat template cannot call '" + method + "' here");
        };
    }

    private static Object ofString(String s, String method, Object[] args) {
        return switch (method) {
            case "strip" -> strip(s, args, true, true);
            case "lstrip" -> strip(s, args, true, false);
            case "rstrip" -> strip(s, args, false, true);
            case "upper" -> s.toUpperCase(Locale.ROOT);
            case "lower" -> s.toLowerCase(Locale.ROOT);
            case "capitalize" ->
                s.isEmpty()
                        ? s
                        : s.substring(0, 1).toUpperCase(Locale.ROOT)
                                + s.substring(1).toLowerCase(Locale.ROOT);
            case "title" -> title(s);
            case "startswith" -> s.startsWith(text(args, 0));
            case "endswith" -> s.endsWith(text(args, 0));
            case "find" -> (long) s.indexOf(text(args, 0));
            case "count" -> (long) split(s, text(args, 0), -1).size() - 1;
            case "replace" -> s.replace(text(args, 0), text(args, 1));
            case "split" ->
                args.length == 0
                        ? words(s)
                        : split(s, text(args, 0), args.length > 1 ? ((Number) args[1]).intValue() : -1);
            case "splitlines" -> s.lines().toList();
            case "join" -> String.join(s, strings(args));
            default -> throw new MethodNotFoundException("a chat template cannot call '" + method + "' of a string");
        };
    }

    private static @Nullable Object ofMap(Map<?, ?> map, String method, Object[] args) {
        return switch (method) {
            case "get" -> {
                Object value = map.get(args[0]);
                yield value != null || args.length < 2 ? value : args[1];
            }
            case "keys" -> new ArrayList<>(map.keySet());
            case "values" -> new ArrayList<>(map.values());
            case "items" -> {
                List<List<?>> items = new ArrayList<>();
                map.forEach((k, v) -> items.add(Arrays.asList(k, v)));
                yield items;
            }
            default ->
                throw new MethodNotFoundException("a chat template cannot call '" + method + "' of a dictionary");
        };
    }

    private static String text(Object[] args, int i) {
        if (i >= args.length) {
            throw new MethodNotFoundException("an argument is missing");
        }
        return String.valueOf(args[i]);
    }

    private static List<String> strings(Object[] args) {
        List<String> strings = new ArrayList<>();
        if (args.length > 0 && args[0] instanceof Iterable<?> values) {
            values.forEach(v -> strings.add(String.valueOf(v)));
        }
        return strings;
    }

    private static String strip(String s, Object[] args, boolean left, boolean right) {
        String chars = args.length == 0 || args[0] == null ? null : args[0].toString();
        int from = 0;
        int to = s.length();
        while (left && from < to && strips(chars, s.charAt(from))) {
            from++;
        }
        while (right && to > from && strips(chars, s.charAt(to - 1))) {
            to--;
        }
        return s.substring(from, to);
    }

    private static boolean strips(@Nullable String chars, char c) {
        return chars == null ? Character.isWhitespace(c) || Character.isSpaceChar(c) : chars.indexOf(c) >= 0;
    }

    private static String title(String s) {
        StringBuilder b = new StringBuilder(s.toLowerCase(Locale.ROOT));
        for (int i = 0; i < b.length(); i++) {
            if (i == 0 || !Character.isLetter(b.charAt(i - 1))) {
                b.setCharAt(i, Character.toTitleCase(b.charAt(i)));
            }
        }
        return b.toString();
    }

    private static List<String> words(String s) {
        return s.isBlank() ? List.of() : Arrays.asList(s.strip().split("\\s+", -1));
    }

    private static List<String> split(String s, String separator, int most) {
        if (separator.isEmpty()) {
            throw new MethodNotFoundException("the separator is empty");
        }
        List<String> parts = new ArrayList<>();
        int from = 0;
        for (int i = s.indexOf(separator); i >= 0 && (most < 0 || parts.size() < most); ) {
            parts.add(s.substring(from, i));
            from = i + separator.length();
            i = s.indexOf(separator, from);
        }
        parts.add(s.substring(from));
        return parts;
    }

    @Override
    public @Nullable Class<?> getType(ELContext context, @Nullable Object base, @Nullable Object property) {
        return null;
    }

    @Override
    public boolean isReadOnly(ELContext context, @Nullable Object base, @Nullable Object property) {
        return true;
    }

    @Override
    public void setValue(ELContext context, @Nullable Object base, @Nullable Object property, @Nullable Object value) {
        throw new PropertyNotWritableException("a chat template cannot change values");
    }

    @Override
    public @Nullable Class<?> getCommonPropertyType(ELContext context, @Nullable Object base) {
        return null;
    }

    @Override
    public @Nullable Iterator<FeatureDescriptor> getFeatureDescriptors(ELContext context, @Nullable Object base) {
        return null;
    }
}
