package io.baton.router.http;

import static io.baton.router.http.Http.CHAT;
import static io.baton.router.http.Http.COMPLETIONS;
import static io.baton.router.http.Http.json;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import io.baton.router.fake.Await;
import io.baton.router.fake.Fakes;
import io.baton.router.fake.WithApiKeys;
import io.quarkus.test.common.QuarkusTestResource;
import io.quarkus.test.junit.QuarkusTest;
import io.quarkus.test.junit.TestProfile;
import java.io.IOException;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import org.eclipse.microprofile.config.ConfigProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@QuarkusTest
@TestProfile(WithApiKeys.class)
@QuarkusTestResource(Fakes.class)
class ApiKeyHttpTest extends WithFakes {
    private static final String BODY = "{\"prompt\":\"x\",\"max_tokens\":3}";

    private HttpResponse<String> post(String authorization, String body) {
        return http.send(http.to(COMPLETIONS)
                .header("Authorization", authorization)
                .POST(BodyPublishers.ofString(body))
                .build());
    }

    private static void assertUnauthenticated(HttpResponse<String> response) {
        assertThat(response.statusCode()).as(response.body()).isEqualTo(401);
        assertThat(response.headers().firstValue("WWW-Authenticate")).contains("Bearer");
        JsonNode error = json(response).get("error");
        assertThat(error.get("code").asText()).isEqualTo("invalid_api_key");
        assertThat(error.get("type").asText()).isEqualTo("invalid_request_error");
        assertThat(error.get("param").isNull()).isTrue();
    }

    private String tenantOfTheLegs() {
        String prefillTenant = prefill.leg().received().getFirst().getStart().getTenant();
        assertThat(decode.leg().received().getFirst().getReserve().getTenant()).isEqualTo(prefillTenant);
        return prefillTenant;
    }

    @Test
    void shouldTellTheWorkersWhoseRequestItIs() {
        assertThat(post("Bearer " + WithApiKeys.ACME, BODY).statusCode()).isEqualTo(200);
        assertThat(tenantOfTheLegs()).isEqualTo("acme");
        prefill.reset();
        decode.reset();
        // The scheme's name may be written in any case (RFC 9110 section 11.1).
        assertThat(post("bearer " + WithApiKeys.OTHER, BODY).statusCode()).isEqualTo(200);
        assertThat(tenantOfTheLegs()).isEqualTo("other");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "Bearer sk-acme-0123456789abcdeg",
                "Bearer ",
                "Bearer",
                "Basic YWNtZTphY21l",
                "sk-acme-0123456789abcdef",
                "acme"
            })
    void shouldRefuseWhatIsNoKey(String authorization) {
        // Given
        double before = http.metric("baton_router_unauthenticated_total");
        // When
        HttpResponse<String> response = post(authorization, BODY);
        // Then
        assertUnauthenticated(response);
        assertThat(response.body()).doesNotContain("sk-");
        assertThat(http.metric("baton_router_unauthenticated_total")).isEqualTo(before + 1);
        assertThat(prefill.legs()).isEmpty();
    }

    @Test
    void shouldAskForAKeyOnEveryPathOfTheApiAndOnNoOther() {
        assertUnauthenticated(http.post(COMPLETIONS, BODY));
        assertUnauthenticated(http.post(CHAT, "not even JSON"));
        assertUnauthenticated(http.get("/v1/models"));
        assertUnauthenticated(http.get("/v1/models/fake-model"));
        assertUnauthenticated(http.get("/v1/nothing"));
        assertUnauthenticated(http.get("/v1"));
        assertThat(http.send(HttpRequest.newBuilder(base.resolve("/v1/models"))
                                .header("Authorization", "Bearer " + WithApiKeys.ACME)
                                .build())
                        .body())
                .contains("fake-model");
        assertThat(http.get("/q/health/ready").statusCode()).isEqualTo(200);
        assertThat(http.get("/q/health/live").statusCode()).isEqualTo(200);
        assertThat(http.get("/q/metrics").statusCode()).isEqualTo(200);
    }

    @Test
    void shouldRefuseALargeBodyWithoutAKeyAndGoOn() {
        assertUnauthenticated(post("Bearer nobody", " ".repeat(4 << 20)));
        assertThat(post("Bearer " + WithApiKeys.ACME, BODY).statusCode()).isEqualTo(200);
    }

    @Test
    void shouldTakeNewKeysWithoutARestartAndKeepTheOldOnesWhereTheFileIsWrong() throws IOException {
        Path file = Path.of(ConfigProvider.getConfig().getValue("baton.router.api-keys", String.class));
        String added = "sk-third-0123456789abcdef";
        try {
            // When
            Files.writeString(file, WithApiKeys.LINES + "third: " + added + "\n");
            // Then
            Await.until(() -> "the new key", () -> post("Bearer " + added, BODY).statusCode() == 200);
            // When
            Files.writeString(file, "this is no line of keys\n");
            // Then
            Await.until(
                    () -> "a failed reload",
                    () -> http.get("/q/metrics")
                            .body()
                            .contains("baton_router_api_key_reloads_total{outcome=\"failed\"}"));
            assertThat(post("Bearer " + added, BODY).statusCode()).isEqualTo(200);
        } finally {
            Files.writeString(file, WithApiKeys.LINES);
        }
        // Then
        Await.until(
                () -> "the end of the new key",
                () -> post("Bearer " + added, BODY).statusCode() == 401);
        assertThat(post("Bearer " + WithApiKeys.ACME, BODY).statusCode()).isEqualTo(200);
    }
}
