package io.baton.engine.chat;

import com.hubspot.jinjava.objects.date.StrftimeFormatter;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;

/**
 * The functions that Hugging Face adds to Jinja for chat templates. Public because jinjava calls them by reflection.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class TemplateFunctions {
    private TemplateFunctions() {}

    /** {@code raise_exception(message)}: how a template refuses messages. */
    public static String raiseException(String message) {
        throw new BatonException(
                ErrorCode.INVALID_REQUEST, "the model's chat template refuses the messages: " + message);
    }

    /** {@code strftime_now(format)}: the date of today, in UTC. */
    public static String strftimeNow(String format) {
        return StrftimeFormatter.format(ZonedDateTime.now(ZoneOffset.UTC), format);
    }
}
