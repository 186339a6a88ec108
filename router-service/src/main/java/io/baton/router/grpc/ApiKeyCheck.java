package io.baton.router.grpc;

import io.baton.error.BatonException;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.baton.router.auth.Authenticator;
import io.baton.router.metrics.RouterMetrics;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.StatusRuntimeException;
import io.quarkus.grpc.GlobalInterceptor;
import jakarta.enterprise.context.ApplicationScoped;

/**
 * Lets nobody call the public service without a key, where keys are asked for, before a byte of the message is read. Health and
 * reflection stay open.
 *
 * <p><em>Thread-safety:</em> safe.
 */
@GlobalInterceptor
@ApplicationScoped
public class ApiKeyCheck implements ServerInterceptor {
    /** The metadata that has the key. */
    static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

    static final Context.Key<String> TENANT = Context.keyWithDefault("baton-tenant", Authenticator.NOBODY);

    private final Authenticator authenticator;
    private final RouterMetrics metrics;

    ApiKeyCheck(Authenticator authenticator, RouterMetrics metrics) {
        this.authenticator = authenticator;
        this.metrics = metrics;
    }

    @Override
    public <Q, R> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
        if (!InferenceServiceGrpc.SERVICE_NAME.equals(call.getMethodDescriptor().getServiceName())) {
            return next.startCall(call, headers);
        }
        try {
            String tenant = authenticator.tenant(headers.get(AUTHORIZATION));
            return Contexts.interceptCall(Context.current().withValue(TENANT, tenant), call, headers, next);
        } catch (BatonException e) {
            metrics.refused(e.code().name());
            StatusRuntimeException status = e.toStatus();
            Metadata trailers = status.getTrailers();
            call.close(status.getStatus(), trailers == null ? new Metadata() : trailers);
            return new ServerCall.Listener<>() {};
        }
    }
}
