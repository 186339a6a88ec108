package io.baton.router.http;

import io.quarkus.test.junit.QuarkusIntegrationTest;

/** The same of the packaged router, a process of its own: the jar, or the native executable. */
@QuarkusIntegrationTest
class StreamsIT extends StreamsTest {}
