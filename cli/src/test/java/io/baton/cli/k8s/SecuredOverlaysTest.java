package io.baton.cli.k8s;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;

import io.baton.cli.k8s.Manifests.Pod;
import io.baton.kv.key.ClusterKeys;
import io.baton.router.auth.ApiKeys;
import io.baton.tls.PeerName;
import io.baton.tls.ServiceRole;
import io.grpc.util.CertificateUtils;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What ./baton keys writes reaches the services, by the settings that they read and in the form that they read. */
class SecuredOverlaysTest {
    private static final int MOST_API_KEYS = 1024;

    private static InputStream stream(String text) {
        return new ByteArrayInputStream(text.getBytes(StandardCharsets.US_ASCII));
    }

    private static String file(Manifests all, Pod pod, String setting) {
        Map<String, String> environment = Secrets.settings(all, pod);
        return Secrets.file(all, pod, environment.getOrDefault(setting, "")).orElseThrow();
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.MATCH_ALL, names = "SECURED_.*")
    void shouldGiveEveryServiceACertificateOfItsRoleByTheAuthorityThatItTrusts(Overlay overlay) throws Exception {
        Manifests all = Kustomize.build(overlay);
        for (Pod pod : all.pods()) {
            // When
            X509Certificate[] own = CertificateUtils.getX509Certificates(
                    stream(file(all, pod, "quarkus.tls.baton.key-store.pem.0.cert")));
            X509Certificate[] trusted = CertificateUtils.getX509Certificates(
                    stream(file(all, pod, "quarkus.tls.baton.trust-store.pem.certs")));
            PrivateKey key =
                    CertificateUtils.getPrivateKey(stream(file(all, pod, "quarkus.tls.baton.key-store.pem.0.key")));
            // Then
            String role = pod.name().replace("modelservice-", "").toUpperCase(Locale.ROOT);
            assertThat(own).hasSize(1);
            assertThat(PeerName.of(own[0])).isEqualTo(PeerName.of(ServiceRole.valueOf(role)));
            own[0].verify(trusted[0].getPublicKey());
            assertThat(belongTogether(key, own[0])).isTrue();
        }
        assertThat(all.ofKind("Secret"))
                .as("no pod needs the authority's key")
                .noneMatch(s -> s.path("data").has("ca.key"));
    }

    private static boolean belongTogether(PrivateKey key, X509Certificate certificate) throws Exception {
        Signature signature = Signature.getInstance("SHA256withECDSA");
        signature.initSign(key);
        signature.update((byte) 1);
        byte[] signed = signature.sign();
        signature.initVerify(certificate);
        signature.update((byte) 1);
        return signature.verify(signed);
    }

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.MATCH_ALL, names = "SECURED_.*")
    void shouldGiveBothWorkersTheSameKeysAndTheRouterItsApiKeys(Overlay overlay) {
        Manifests all = Kustomize.build(overlay);
        // When
        ClusterKeys prefill = ClusterKeys.parse(file(all, all.pod("modelservice-prefill"), "BATON_KV_KEYS_FILE"));
        ClusterKeys decode = ClusterKeys.parse(file(all, all.pod("modelservice-decode"), "BATON_KV_KEYS_FILE"));
        String apiKeys = file(all, all.pod("modelservice-router"), "BATON_ROUTER_API_KEYS");
        // Then
        assertThat(prefill).isEqualTo(decode);
        assertThat(prefill.names()).isPresent();
        assertThatCode(() -> ApiKeys.parse(apiKeys, MOST_API_KEYS)).doesNotThrowAnyException();
        assertThat(apiKeys).contains("\nexample: ");
    }
}
