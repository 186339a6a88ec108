package io.baton.router.grpc;

import io.baton.router.admission.Terms;
import io.baton.router.run.CallInfo;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.ForwardingServerCall.SimpleForwardingServerCall;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.Status;
import io.quarkus.grpc.GlobalInterceptor;
import jakarta.enterprise.context.ApplicationScoped;
import org.jspecify.annotations.Nullable;

/**
 * Takes x-request-id and traceparent from the headers of a call, and echoes them; takes what the client asks of admission.
 *
 * <p><em>Thread-safety:</em> stateless; {@link Slot} belongs to one call.
 */
@GlobalInterceptor
@ApplicationScoped
public class CallHeaders implements ServerInterceptor {
    static final Context.Key<Slot> SLOT = Context.key("baton-call-headers");

    private static final Metadata.Key<String> PRIORITY =
            Metadata.Key.of(Terms.PRIORITY_HEADER, Metadata.ASCII_STRING_MARSHALLER);
    private static final Metadata.Key<String> TTFT =
            Metadata.Key.of(Terms.TTFT_HEADER, Metadata.ASCII_STRING_MARSHALLER);

    @Override
    public <Q, R> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
        Slot slot = new Slot(
                headers.get(CallInfo.REQUEST_ID),
                headers.get(CallInfo.TRACEPARENT),
                headers.get(PRIORITY),
                headers.get(TTFT));
        ServerCall<Q, R> echoing = new SimpleForwardingServerCall<>(call) {
            @Override
            public void sendHeaders(Metadata responseHeaders) {
                slot.echo(responseHeaders);
                super.sendHeaders(responseHeaders);
            }

            @Override
            public void close(Status status, Metadata trailers) {
                slot.tellPick(trailers);
                super.close(status, trailers);
            }
        };
        return Contexts.interceptCall(Context.current().withValue(SLOT, slot), echoing, headers, next);
    }

    /** The headers of one call. */
    static final class Slot {
        final @Nullable String requestId;
        final @Nullable String traceparent;
        final @Nullable String priority;
        final @Nullable String ttft;
        private volatile @Nullable CallInfo answer;
        private volatile @Nullable String pick;

        Slot(
                @Nullable String requestId,
                @Nullable String traceparent,
                @Nullable String priority,
                @Nullable String ttft) {
            this.requestId = requestId;
            this.traceparent = traceparent;
            this.priority = priority;
            this.ttft = ttft;
        }

        void answer(CallInfo info) {
            answer = info;
        }

        /** The last pick's reasons go into the trailers; those that are known by then, into the headers. */
        void picked(String reasons) {
            pick = reasons;
        }

        private void tellPick(Metadata metadata) {
            String reasons = pick;
            if (reasons != null) {
                metadata.put(CallInfo.PICK, reasons);
            }
        }

        private void echo(Metadata headers) {
            tellPick(headers);
            CallInfo info = answer;
            if (info != null) {
                headers.put(CallInfo.REQUEST_ID, info.requestId());
                String trace = info.traceparent();
                if (trace != null) {
                    headers.put(CallInfo.TRACEPARENT, trace);
                }
            }
        }
    }
}
