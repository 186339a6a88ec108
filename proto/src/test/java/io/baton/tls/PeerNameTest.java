package io.baton.tls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.security.cert.CertificateException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class PeerNameTest {
    @Test
    void shouldReadARoleAndANameAndWriteThemAgain() throws Exception {
        // When
        PeerName worker = PeerName.parse("spiffe://baton/decode/decode-0");
        PeerName shared = PeerName.parse("spiffe://baton/router");
        PeerName address = PeerName.parse("spiffe://baton/prefill/10.0.0.7:9100");
        // Then
        assertThat(worker).isEqualTo(new PeerName(ServiceRole.DECODE, "decode-0"));
        assertThat(shared).isEqualTo(PeerName.of(ServiceRole.ROUTER));
        assertThat(address.name()).isEqualTo("10.0.0.7:9100");
        assertThat(worker.uri()).isEqualTo("spiffe://baton/decode/decode-0");
        assertThat(shared.uri()).isEqualTo("spiffe://baton/router");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "spiffe://baton/",
                "spiffe://baton/admin",
                "spiffe://baton/Decode/decode-0",
                "spiffe://baton/decode/",
                "spiffe://baton/decode/a/b",
                "spiffe://baton/decode/a b",
                "spiffe://baton/decode/decode-0 ",
                "spiffe://other/decode/decode-0",
                "http://baton/decode/decode-0",
                "x spiffe://baton/decode"
            })
    void shouldRefuseWhatIsNoName(String uri) {
        assertThatThrownBy(() -> PeerName.parse(uri))
                .isInstanceOf(CertificateException.class)
                .hasMessageContaining("ROLE");
    }

    @Test
    void shouldRefuseANameThatIsTooLong() throws Exception {
        assertThat(PeerName.parse("spiffe://baton/decode/" + "n".repeat(256)).name())
                .hasSize(256);
        assertThatThrownBy(() -> PeerName.parse("spiffe://baton/decode/" + "n".repeat(257)))
                .isInstanceOf(CertificateException.class);
    }
}
