package io.baton.tls;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.handler.codec.DecoderException;
import io.netty.handler.ssl.NotSslRecordException;
import java.io.IOException;
import java.util.Objects;
import javax.net.ssl.SSLHandshakeException;
import org.junit.jupiter.api.Test;

class TlsFailureTest {
    private static String sentence(Throwable failure) {
        return Objects.requireNonNull(TlsFailure.among(failure)).sentence();
    }

    @Test
    void shouldSayWhatTlsSaysWhereverItIsAmongTheCauses() {
        assertThat(sentence(new DecoderException(new SSLHandshakeException("no certificate"))))
                .isEqualTo("no certificate");
    }

    @Test
    void shouldNotBlameTlsForAnythingElse() {
        assertThat(TlsFailure.among(null)).isNull();
        assertThat(TlsFailure.among(new IllegalStateException(new IOException("connection reset"))))
                .isNull();
    }

    @Test
    void shouldNeverRepeatWhatAPeerSent() {
        assertThat(sentence(new DecoderException(new NotSslRecordException("not an SSL/TLS record: 50524920"))))
                .contains("speaks no TLS")
                .doesNotContain("50524920");
        assertThat(sentence(new SSLHandshakeException("x".repeat(10_000)))).hasSize(200);
    }
}
