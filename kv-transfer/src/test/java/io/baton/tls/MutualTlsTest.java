package io.baton.tls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.security.cert.CertificateException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Which certificates a service takes for its own, at its start and later. */
class MutualTlsTest {
    private static final List<String> NAME = List.of("spiffe://baton/decode/decode-0");
    private static final Duration DAY = Duration.ofDays(1);

    private final TestAuthority authority = new TestAuthority("tests");

    private static void await(BooleanSupplier condition) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).isLessThan(end);
            LockSupport.parkNanos(2_000_000);
        }
    }

    @Test
    void shouldFindTheOneNameInACertificate() throws Exception {
        assertThat(PeerName.of(authority.issue(List.of("https://example.org/", NAME.getFirst()))))
                .isEqualTo(new PeerName(ServiceRole.DECODE, "decode-0"));
    }

    @Test
    void shouldRefuseACertificateWithoutANameOrWithTwo() {
        assertThatThrownBy(() -> PeerName.of(authority.issue(List.of())))
                .isInstanceOf(CertificateException.class)
                .hasMessageContaining("has 0 alternative names");
        assertThatThrownBy(() -> PeerName.of(authority.issue(List.of(NAME.getFirst(), "spiffe://baton/router"))))
                .isInstanceOf(CertificateException.class)
                .hasMessageContaining("has 2 alternative names");
    }

    @Test
    void shouldNotStartWithACertificateOfAnotherRole() {
        Credentials decode = authority.credentials(NAME, DAY);
        assertThatThrownBy(() -> authority.tls(ServiceRole.PREFILL, () -> decode))
                .isInstanceOf(TlsException.class)
                .hasMessageContaining("is a prefill")
                .hasMessageContaining(NAME.getFirst());
    }

    @Test
    void shouldNotStartWithACertificateThatHasRunOutOrHasNoName() {
        Credentials old = authority.credentials(NAME, Duration.ofDays(-1));
        assertThatThrownBy(() -> authority.tls(ServiceRole.DECODE, () -> old))
                .isInstanceOf(TlsException.class)
                .hasMessageContaining("NotAfter");
        Credentials nameless = authority.credentials(List.of(), DAY);
        assertThatThrownBy(() -> authority.tls(ServiceRole.DECODE, () -> nameless))
                .isInstanceOf(TlsException.class)
                .hasMessageContaining("alternative names");
    }

    @Test
    void shouldNotStartWithoutAnAuthorityOrWithoutTimeBetweenReloads() {
        assertThatThrownBy(() -> authority.credentials(NAME, DAY, List.of()))
                .isInstanceOf(TlsException.class)
                .hasMessageContaining("here are 1 and 0");
        Credentials good = authority.credentials(NAME, DAY);
        assertThatThrownBy(() -> MutualTls.open(ServiceRole.DECODE, () -> good, Duration.ZERO))
                .isInstanceOf(TlsException.class)
                .hasMessageContaining("baton.tls.reload");
    }

    @Test
    void shouldKeepWhatItHasUntilThereIsSomethingThatItCanUse() {
        // Given
        Credentials first = authority.credentials(NAME, DAY);
        AtomicReference<@Nullable Credentials> source = new AtomicReference<>(first);
        MutualTls.Source reading = () -> {
            Credentials now = source.get();
            if (now == null) {
                throw new TlsException("there is no such file");
            }
            return now;
        };
        try (MutualTls tls = authority.tls(ServiceRole.DECODE, reading)) {
            // When the file is gone, and then is another worker's
            source.set(null);
            await(() -> tls.reloadsFailed() > 0);
            source.set(authority.credentials(List.of("spiffe://baton/decode/decode-1"), DAY));
            long failed = tls.reloadsFailed();
            await(() -> tls.reloadsFailed() > failed + 1);
            // Then
            assertThat(tls.reloaded()).isZero();
            assertThat(tls.expires())
                    .isEqualTo(first.certificate().getNotAfter().toInstant());

            // When there is a new one of its own
            Credentials next = authority.credentials(NAME, DAY.plusHours(5));
            source.set(next);
            // Then
            await(() -> tls.reloaded() == 1);
            assertThat(tls.expires()).isEqualTo(next.certificate().getNotAfter().toInstant());
        }
    }
}
