package io.baton.cli.docs;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.decode.service.DecodeSettings;
import io.baton.router.config.RouterConfig;
import io.baton.tls.TlsSettings;
import io.baton.worker.EngineSettings;
import io.baton.worker.GrpcSettings;
import io.baton.worker.KvSettings;
import io.baton.worker.WorkerSettings;
import io.baton.worker.vllm.VllmSettings;
import io.smallrye.config.WithDefault;
import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** Every setting is documented with its default, and nothing is documented that is not a setting. */
class DocumentedSettingsTest {
    private static final Pattern ROW = Pattern.compile("\\| `(baton\\.[a-z0-9.-]+)` \\| (?:`([^`]*)`|–) \\| \\S.*\\|");

    @Test
    void shouldDocumentEverySettingWithItsDefault() throws IOException {
        // Given
        Map<String, String> inCode = new TreeMap<>();
        collect("baton.engine", EngineSettings.class, inCode);
        collect("baton.vllm", VllmSettings.class, inCode);
        collect("baton.kv", KvSettings.class, inCode);
        collect("baton.worker", WorkerSettings.class, inCode);
        collect("baton.decode", DecodeSettings.class, inCode);
        collect("baton.grpc", GrpcSettings.class, inCode);
        collect("baton.tls", TlsSettings.class, inCode);
        collect("baton.router", RouterConfig.class, inCode);

        // When
        Map<String, String> documented = new TreeMap<>();
        Path page = Path.of(System.getProperty("baton.root"), "docs", "operations.md");
        for (String line : Files.readAllLines(page)) {
            Matcher row = ROW.matcher(line);
            if (row.matches()) {
                String value = row.group(2);
                documented.put(row.group(1), value == null ? "" : value);
            }
        }

        // Then
        assertThat(documented).containsExactlyEntriesOf(inCode);
    }

    private static void collect(String prefix, Class<?> settings, Map<String, String> into) {
        for (Method m : settings.getDeclaredMethods()) {
            if (m.isDefault() || m.isSynthetic() || m.getParameterCount() > 0) {
                continue;
            }
            String name = prefix + "." + kebab(m.getName());
            if (m.getReturnType().getEnclosingClass() == settings) {
                collect(name, m.getReturnType(), into);
            } else {
                WithDefault value = m.getAnnotation(WithDefault.class);
                into.put(name, value == null ? "" : value.value());
            }
        }
    }

    private static String kebab(String camel) {
        return camel.replaceAll("([A-Z])", "-$1").toLowerCase(Locale.ROOT);
    }
}
