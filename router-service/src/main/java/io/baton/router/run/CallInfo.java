package io.baton.router.run;

import io.grpc.Metadata;
import org.jspecify.annotations.Nullable;

/**
 * What travels beside a request: to the workers as gRPC metadata, and back to the client.
 *
 * @param requestId the request's name; printable ASCII
 * @param traceparent the W3C trace context that the client sent; null if it sent none that is valid
 */
public record CallInfo(String requestId, @Nullable String traceparent) {
    /** Metadata key of the request's name. */
    public static final Metadata.Key<String> REQUEST_ID =
            Metadata.Key.of("x-request-id", Metadata.ASCII_STRING_MARSHALLER);
    /** Metadata key, and name of the HTTP header, of why the workers were picked. */
    public static final Metadata.Key<String> PICK = Metadata.Key.of("baton-pick", Metadata.ASCII_STRING_MARSHALLER);
    /** Metadata key of the trace context. */
    public static final Metadata.Key<String> TRACEPARENT =
            Metadata.Key.of("traceparent", Metadata.ASCII_STRING_MARSHALLER);

    Metadata toMetadata() {
        Metadata metadata = new Metadata();
        metadata.put(REQUEST_ID, requestId);
        String trace = traceparent;
        if (trace != null) {
            metadata.put(TRACEPARENT, trace);
        }
        return metadata;
    }
}
