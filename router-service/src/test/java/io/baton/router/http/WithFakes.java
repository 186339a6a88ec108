package io.baton.router.http;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.router.fake.Await;
import io.baton.router.fake.FakeDecode;
import io.baton.router.fake.FakePrefill;
import io.quarkus.test.common.http.TestHTTPResource;
import java.net.URI;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/** A router with one fake prefill and one fake decode worker; every test must leave nothing open. */
@SuppressWarnings("NullAway.Init") // Filled in by the test framework.
abstract class WithFakes {
    @TestHTTPResource
    URI base;

    FakePrefill prefill;
    FakeDecode decode;
    Http http;

    @BeforeEach
    void awaitWorkers() {
        http = new Http(base);
        prefill.reset();
        decode.reset();
        Await.until(() -> "readiness", () -> http.get("/q/health/ready").statusCode() == 200);
    }

    @AfterEach
    void nothingIsLeftOpen() {
        Await.until(
                () -> "in flight " + http.metric("baton_router_requests_in_flight") + ", streams "
                        + http.metric("baton_router_open_streams") + ", prefill " + prefill.open() + ", decode "
                        + decode.open(),
                () -> http.metric("baton_router_requests_in_flight") == 0
                        && http.metric("baton_router_open_streams") == 0
                        && prefill.open() == 0
                        && decode.open() == 0);
        assertThat(http.metric("vllm:num_requests_running")).isZero();
        assertThat(http.metric("vllm:num_requests_waiting")).isZero();
        assertThat(prefill.violations()).isEmpty();
        assertThat(decode.violations()).isEmpty();
    }
}
