package io.baton.router.fake;

import io.quarkus.test.junit.QuarkusTestProfile;
import java.util.HashMap;
import java.util.Map;

/** A router whose fleet takes one request at a time, and that asks for keys. */
public final class WithLittleRoom implements QuarkusTestProfile {
    /** Requests of a class that may wait. */
    public static final int MAX_QUEUED = 3;

    @Override
    public Map<String, String> getConfigOverrides() {
        Map<String, String> settings = new HashMap<>(new WithApiKeys().getConfigOverrides());
        settings.put("baton.router.admission.max-queued", Integer.toString(MAX_QUEUED));
        settings.put("baton.router.admission.prompts-per-worker", "1");
        settings.put("baton.router.admission.max-waiting", "1");
        settings.put("baton.router.admission.tenants.other.requests-per-second", "0.1");
        settings.put("baton.router.admission.tenants.other.highest-priority", "batch");
        settings.put("baton.router.prefix.max-pieces", "4");
        return settings;
    }
}
