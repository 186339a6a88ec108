package io.baton.router.run;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.router.fake.FakePrefill;
import io.baton.router.fake.Samples;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;

/** What the log says of a failure that a client is told. */
class FailureLogTest {
    private static final Logger LOG = Logger.getLogger(RequestRun.class.getName());

    private static List<LogRecord> logged(ErrorCode code) {
        List<LogRecord> records = new CopyOnWriteArrayList<>();
        Handler handler = new Handler() {
            @Override
            public void publish(LogRecord entry) {
                records.add(entry);
            }

            @Override
            public void flush() {}

            @Override
            public void close() {}
        };
        LOG.addHandler(handler);
        try (Harness harness = new Harness()) {
            harness.prefill().script(new FakePrefill.Script().refusing(new BatonException(code, "its message")));
            assertThat(harness.start(Samples.request("hello", 3)).error().code())
                    .isEqualTo(code);
        } finally {
            LOG.removeHandler(handler);
        }
        return records;
    }

    @Test
    void shouldLogWhereWhatShouldNotHappenCameFrom() {
        assertThat(logged(ErrorCode.INTERNAL))
                .isNotEmpty()
                .allSatisfy(r -> assertThat(r.getThrown()).hasMessage("its message"));
    }

    @Test
    void shouldLogNoTraceOfWhatHappens() {
        assertThat(logged(ErrorCode.LAYOUT_MISMATCH))
                .isNotEmpty()
                .allSatisfy(r -> assertThat(r.getThrown()).isNull());
    }
}
