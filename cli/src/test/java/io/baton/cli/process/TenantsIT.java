package io.baton.cli.process;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.baton.cli.launch.Fleet;
import io.baton.cli.launch.Role;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.GenerateResponse;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.baton.inference.v1.Usage;
import io.grpc.Metadata;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Two tenants, known by their keys, over both APIs: what one has computed the other computes again. */
@Tag("process")
class TenantsIT {
    private static final int BLOCK = 64;
    private static final String ACME = "sk-acme-0123456789abcdef";
    private static final String OTHER = "sk-other-0123456789abcdef";

    private final Fleet fleet;
    private final Client client;
    private final HttpClient http = HttpClient.newHttpClient();

    TenantsIT() throws IOException {
        Path keys = SharedFleet.runs().resolve("api-keys-of-two-tenants");
        Files.createDirectories(SharedFleet.runs());
        Files.writeString(keys, "acme: " + ACME + "\nother: " + OTHER + "\n");
        fleet = SharedFleet.of(SharedFleet.spec(TestModel.any().exact())
                .blockSize(BLOCK)
                .setting(Role.ROUTER, "baton.router.api-keys", keys.toString())
                .build());
        client = new Client(fleet.grpcAddress());
    }

    @AfterEach
    void close() {
        client.close();
        http.close();
    }

    /** Tokens that came from a cache. */
    private record Cached(int byPrefill, int byDecode) {
        static final Cached NONE = new Cached(0, 0);
    }

    private Cached overGrpc(String key, GenerateRequest request) {
        Metadata headers = new Metadata();
        headers.put(Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER), "Bearer " + key);
        Iterator<GenerateResponse> events = InferenceServiceGrpc.newBlockingStub(client.channel())
                .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers))
                .withDeadlineAfter(Await.LONG.toSeconds(), TimeUnit.SECONDS)
                .generate(request);
        Usage usage = Usage.getDefaultInstance();
        while (events.hasNext()) {
            usage = events.next().getFinished().getUsage();
        }
        assertThat(usage.getPromptTokens()).isPositive();
        return new Cached(usage.getPrefillCachedTokens(), usage.getDecodeCachedTokens());
    }

    private Cached overHttp(String key, List<Integer> prompt) throws IOException, InterruptedException {
        HttpResponse<String> answer = http.send(
                HttpRequest.newBuilder(URI.create(fleet.httpUrl() + "/v1/completions"))
                        .header("Content-Type", "application/json")
                        .header("Authorization", "Bearer " + key)
                        .POST(HttpRequest.BodyPublishers.ofString(
                                "{\"temperature\":0,\"ignore_eos\":true,\"max_tokens\":8,\"prompt\":" + prompt + "}"))
                        .build(),
                HttpResponse.BodyHandlers.ofString());
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        JsonNode usage = new ObjectMapper().readTree(answer.body()).get("usage");
        return new Cached(
                usage.at("/prompt_tokens_details/cached_tokens").asInt(-1),
                usage.get("decode_cached_tokens").asInt(-1));
    }

    @Test
    void shouldReuseWhatTheSameTenantHasComputedAndNothingOfAnother() throws Exception {
        // Given
        List<Integer> prompt = Prompts.random(301, 5 * BLOCK + 7);
        GenerateRequest request = Client.endless(prompt, 8);
        Cached all = new Cached(5 * BLOCK, 5 * BLOCK);

        // When / Then: the first of each tenant finds nothing, over either API
        assertThat(overGrpc(ACME, request)).isEqualTo(Cached.NONE);
        assertThat(overHttp(OTHER, prompt)).isEqualTo(Cached.NONE);
        // Then: from then on each finds its own
        assertThat(overHttp(ACME, prompt)).isEqualTo(all);
        assertThat(overGrpc(OTHER, request)).isEqualTo(all);
        Counters.awaitNothingHeld(fleet);
    }
}
