package io.baton.router.request;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;

/**
 * A field that is wrong.
 *
 * @param field its path in GenerateRequest, e.g. {@code sampling.temperature}
 * @param problem what is wrong and what is allowed
 */
public record Violation(String field, String problem) {
    /** The violation as an error that names the field. */
    public BatonException toException() {
        return new BatonException(ErrorCode.INVALID_REQUEST, field + ": " + problem);
    }
}
