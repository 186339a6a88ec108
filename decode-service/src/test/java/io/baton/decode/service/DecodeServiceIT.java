package io.baton.decode.service;

import io.quarkus.test.junit.QuarkusIntegrationTest;

/** The same of the packaged service, a process of its own: the jar, or the native executable. */
@QuarkusIntegrationTest
class DecodeServiceIT extends DecodeServiceTest {}
