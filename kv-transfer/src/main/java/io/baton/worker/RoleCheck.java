package io.baton.worker;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.transfer.PeerIdentity;
import io.baton.tls.MutualTls;
import io.baton.tls.PeerName;
import io.baton.tls.ServiceRole;
import io.grpc.Attributes;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Grpc;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;
import io.grpc.ServerTransportFilter;
import io.grpc.StatusRuntimeException;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.Set;
import java.util.stream.Collectors;
import javax.net.ssl.SSLPeerUnverifiedException;
import javax.net.ssl.SSLSession;
import org.jspecify.annotations.Nullable;

/**
 * Reads on each connection whose certificate it has, refuses every call that this role may not make, and tells the others'
 * handlers which worker calls ({@link PeerIdentity}).
 *
 * <p><em>Thread-safety:</em> safe.
 */
final class RoleCheck extends ServerTransportFilter implements ServerInterceptor {
    private static final Attributes.Key<PeerName> PEER = Attributes.Key.create("baton-peer-name");

    private final MutualTls tls;

    RoleCheck(MutualTls tls) {
        this.tls = tls;
    }

    /** What is thrown here closes the connection. */
    @Override
    public Attributes transportReady(Attributes attributes) {
        SSLSession session = attributes.get(Grpc.TRANSPORT_ATTR_SSL_SESSION);
        if (session == null) {
            throw new IllegalStateException("a connection without TLS");
        }
        try {
            X509Certificate certificate = (X509Certificate) session.getPeerCertificates()[0];
            return attributes.toBuilder().set(PEER, PeerName.of(certificate)).build();
        } catch (SSLPeerUnverifiedException | CertificateException e) {
            throw new IllegalStateException("a connection whose peer has no name", e);
        }
    }

    @Override
    public <Q, R> ServerCall.Listener<Q> interceptCall(
            ServerCall<Q, R> call, Metadata headers, ServerCallHandler<Q, R> next) {
        PeerName peer = call.getAttributes().get(PEER);
        String method = call.getMethodDescriptor().getFullMethodName();
        Set<ServiceRole> allowed = CallerRoles.of(method);
        if (peer == null || !allowed.contains(peer.role())) {
            return refuse(call, peer, method, allowed);
        }
        Context context = Context.current();
        String name = peer.name();
        return Contexts.interceptCall(
                name == null ? context : context.withValue(PeerIdentity.WORKER_ID, name), call, headers, next);
    }

    private <Q, R> ServerCall.Listener<Q> refuse(
            ServerCall<Q, R> call, @Nullable PeerName peer, String method, Set<ServiceRole> allowed) {
        tls.refusedRole();
        String who = allowed.stream().sorted().map(ServiceRole::label).collect(Collectors.joining(", "));
        StatusRuntimeException refusal = new BatonException(
                        ErrorCode.ROLE_REFUSED,
                        "the certificate of " + peer + " does not allow " + method + ", which is for "
                                + (who.isEmpty() ? "nobody" : who))
                .toStatus();
        Metadata trailers = refusal.getTrailers();
        call.close(refusal.getStatus(), trailers == null ? new Metadata() : trailers);
        return new ServerCall.Listener<>() {};
    }
}
