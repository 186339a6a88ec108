package io.baton.kv.block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.error.BatonException;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HolderAddressTest {
    @ParameterizedTest
    @CsvSource({
        "localhost:1, localhost, 1",
        "10.0.0.7:65535, 10.0.0.7, 65535",
        "prefill-0.prefill.ns.svc:9000, prefill-0.prefill.ns.svc, 9000",
        "[::1]:9000, ::1, 9000",
        "[fe80::1:2]:9000, fe80::1:2, 9000"
    })
    void shouldReadHostAndPort(String text, String host, int port) {
        HolderAddress address = HolderAddress.parse(text);

        assertThat(address).isEqualTo(new HolderAddress(host, port));
        assertThat(address.toString()).isEqualTo(text);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "host",
                "host:",
                ":1",
                "host:0",
                "host:65536",
                "host:-1",
                "host:99999999999",
                "ho st:1",
                "dns:///a:1",
                "unix:/tmp/s:1",
                "a/b:1",
                "user@host:1",
                "::1:9000",
                "-a:1",
                "527.0.0.1:1",
                "127.u.0.1:1",
                "a..b:1",
                "a_b:1",
                "[1:2]:1",
                "host:1\n",
                "[::1]",
                "[g::1]:1"
            })
    void shouldRefuseAnythingElse(String text) {
        assertThatThrownBy(() -> HolderAddress.parse(text))
                .isInstanceOf(BatonException.class)
                .hasMessageContaining("not host:port");
    }

    @ParameterizedTest
    @ValueSource(ints = {254, 100_000})
    void shouldRefuseANameThatIsTooLong(int length) {
        assertThatThrownBy(() -> HolderAddress.parse("a".repeat(length) + ":1"))
                .isInstanceOf(BatonException.class)
                .extracting(Throwable::getMessage, org.assertj.core.api.InstanceOfAssertFactories.STRING)
                .hasSizeLessThan(300);
    }
}
