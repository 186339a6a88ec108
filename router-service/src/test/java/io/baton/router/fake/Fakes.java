package io.baton.router.fake;

import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Starts one fake prefill and one fake decode worker before the router. */
public final class Fakes implements QuarkusTestResourceLifecycleManager {
    private @Nullable FakePrefill prefill;
    private @Nullable FakeDecode decode;

    @Override
    public Map<String, String> start() {
        FakePrefill p = new FakePrefill();
        FakeDecode d = new FakeDecode();
        prefill = p;
        decode = d;
        return Map.of(
                "baton.router.prefill-workers", p.address(),
                "baton.router.decode-workers", d.address(),
                // What prefill refuses is to be seen, and not what decode makes of it.
                "baton.router.schedule.disaggregation", "always",
                "baton.router.http.keep-alive", "300ms",
                "baton.router.workers.watch-timeout", "20s",
                "baton.router.workers.lost-timeout", "20s",
                "baton.router.http.body-timeout", "5s",
                "baton.router.client-buffer", "200",
                "baton.router.max-requests", "1200");
    }

    @Override
    public void inject(TestInjector injector) {
        injector.injectIntoFields(prefill, new TestInjector.MatchesType(FakePrefill.class));
        injector.injectIntoFields(decode, new TestInjector.MatchesType(FakeDecode.class));
    }

    @Override
    public void stop() {
        FakePrefill p = prefill;
        if (p != null) {
            p.close();
        }
        FakeDecode d = decode;
        if (d != null) {
            d.close();
        }
    }
}
