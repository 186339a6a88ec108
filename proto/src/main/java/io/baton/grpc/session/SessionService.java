package io.baton.grpc.session;

import io.baton.worker.v1.LegServiceGrpc;
import io.baton.worker.v1.SessionRequest;
import io.baton.worker.v1.SessionResponse;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallExecutorSupplier;
import io.grpc.ServerMethodDefinition;
import io.grpc.ServerServiceDefinition;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executor;
import org.jspecify.annotations.Nullable;

/**
 * Serves gRPC services to calls that travel in sessions, as it serves them to calls of their own: a method's handler gets a
 * {@link ServerCall}, and the callbacks of one call run one at a time among the handlers.
 *
 * <p><em>Thread-safety:</em> safe.
 */
public final class SessionService {
    /** Bytes of a message that a server or channel must take for sessions: a batch, or a piece, with its frame. */
    public static final int TRANSPORT_BYTES = 2 * Pieces.MAX_BYTES;

    private final Map<String, ServerMethodDefinition<?, ?>> methods = new HashMap<>();
    private final Executor handlers;
    private final Executor sender;
    private final Limits limits;

    /**
     * What one session may hold.
     *
     * @param legs calls that are open at once
     * @param messageBytes size of a message
     */
    public record Limits(int legs, int messageBytes) {}

    /**
     * Sessions for methods.
     *
     * @param services whose methods are served, with the interceptors of a single call around them
     * @param handlers where the callbacks of calls run; may be busy
     * @param sender where what many calls say at the same time is put together and sent; must not be busy with anything else
     */
    public SessionService(List<ServerServiceDefinition> services, Executor handlers, Executor sender, Limits limits) {
        this.handlers = handlers;
        this.sender = sender;
        this.limits = limits;
        for (ServerServiceDefinition service : services) {
            for (ServerMethodDefinition<?, ?> method : service.getMethods()) {
                if (Pieces.carries(method.getMethodDescriptor())) {
                    methods.put(method.getMethodDescriptor().getFullMethodName(), method);
                }
            }
        }
    }

    /** The service of sessions. */
    public ServerServiceDefinition definition() {
        return ServerServiceDefinition.builder(LegServiceGrpc.getServiceDescriptor())
                .addMethod(LegServiceGrpc.getSessionMethod(), this::start)
                .build();
    }

    /** Has a server read sessions on its event loops: what is said on a leg goes on to the handlers. */
    public static ServerCallExecutorSupplier onEventLoop() {
        return new ServerCallExecutorSupplier() {
            @Override
            public <Q, R> @Nullable Executor getExecutor(ServerCall<Q, R> call, Metadata headers) {
                return call.getMethodDescriptor()
                                .getFullMethodName()
                                .equals(LegServiceGrpc.getSessionMethod().getFullMethodName())
                        ? Runnable::run
                        : null;
            }
        };
    }

    private ServerCall.Listener<SessionRequest> start(
            ServerCall<SessionRequest, SessionResponse> call, Metadata headers) {
        call.sendHeaders(new Metadata());
        call.request(2);
        return new ServedSession(call, methods, handlers, sender, limits);
    }
}
