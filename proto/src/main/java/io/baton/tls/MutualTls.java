package io.baton.tls;

import io.baton.grpc.AddedHandler;
import io.grpc.netty.InternalProtocolNegotiator.ProtocolNegotiator;
import io.grpc.netty.InternalProtocolNegotiators;
import io.netty.handler.ssl.ApplicationProtocolConfig;
import io.netty.handler.ssl.ApplicationProtocolConfig.Protocol;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectedListenerFailureBehavior;
import io.netty.handler.ssl.ApplicationProtocolConfig.SelectorFailureBehavior;
import io.netty.handler.ssl.ApplicationProtocolNames;
import io.netty.handler.ssl.SslContext;
import io.netty.handler.ssl.SslContextBuilder;
import io.netty.handler.ssl.SslProvider;
import java.net.SocketAddress;
import java.security.cert.CertificateException;
import java.time.Duration;
import java.time.Instant;
import java.util.EnumSet;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import javax.net.ssl.SSLException;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * TLS 1.3 with a certificate at either end, each of which names a role ({@link PeerName}). Host names are not compared: pods come
 * and go, and whoever has a trusted certificate of the expected role is the right peer. Certificates are looked at again
 * from time to time; what is new counts for new connections.
 *
 * <p><em>Thread-safety:</em> safe.
 */
public final class MutualTls implements ServiceTls {
    private static final Logger LOG = Logger.getLogger(MutualTls.class);
    private static final String PROTOCOL = "TLSv1.3";
    private static final long LOG_EVERY_NANOS = TimeUnit.SECONDS.toNanos(1);

    /** Where certificates come from. */
    @FunctionalInterface
    public interface Source {
        /**
         * What there is now.
         *
         * @throws TlsException if it cannot be read or does not fit together
         */
        Credentials load();
    }

    private final Source source;
    private final PeerName own;
    private final LongAdder handshakesRefused = new LongAdder();
    private final LongAdder rolesRefused = new LongAdder();
    private final LongAdder reloaded = new LongAdder();
    private final LongAdder reloadsFailed = new LongAdder();
    private final AtomicLong lastLogged = new AtomicLong(System.nanoTime() - LOG_EVERY_NANOS);
    private final ScheduledExecutorService timer;
    private volatile Credentials current;
    /** What the last failed reload was told by; null after one that went well. On the timer's thread. */
    private @Nullable String failure;

    private MutualTls(Source source, Credentials first, PeerName own) {
        this.source = source;
        this.current = first;
        this.own = own;
        this.timer = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().daemon().name("baton-tls").factory());
    }

    /**
     * TLS with the certificates of a source.
     *
     * @param role what the service is
     * @param reload how often the source is asked again
     * @throws TlsException if the certificates cannot be used
     */
    public static MutualTls open(ServiceRole role, Source source, Duration reload) {
        if (reload.toMillis() < 1) {
            throw new TlsException("baton.tls.reload must be at least 1ms, not " + reload);
        }
        Credentials first = source.load();
        PeerName own = name(first);
        if (own.role() != role) {
            throw new TlsException("this service is a " + role.label() + ", and its certificate is for " + own
                    + "; give it one for " + PeerName.PREFIX + role.label() + " or " + PeerName.PREFIX + role.label()
                    + "/NAME");
        }
        MutualTls tls = new MutualTls(source, first, own);
        LOG.infof("TLS: this service is %s until %s", own, tls.expires());
        long millis = reload.toMillis();
        var _ = tls.timer.scheduleWithFixedDelay(tls::look, millis, millis, TimeUnit.MILLISECONDS);
        return tls;
    }

    private static PeerName name(Credentials credentials) {
        try {
            credentials.certificate().checkValidity();
            return PeerName.of(credentials.certificate());
        } catch (CertificateException e) {
            throw new TlsException("the service's certificate is of no use: " + e.getMessage(), e);
        }
    }

    private void look() {
        try {
            Credentials next = source.load();
            if (next.sameAs(current)) {
                failure = null;
                return;
            }
            PeerName name = name(next);
            if (!name.equals(own)) {
                throw new TlsException("the new certificate is for " + name + " and this service is " + own);
            }
            current = next;
            failure = null;
            reloaded.increment();
            LOG.infof("TLS: new certificates; this service is %s until %s", own, expires());
        } catch (RuntimeException e) {
            reloadsFailed.increment();
            String why = String.valueOf(e.getMessage());
            if (!why.equals(failure)) {
                failure = why;
                LOG.errorf("TLS: the certificates stay as they were: %s", why);
            }
        }
    }

    @Override
    public ProtocolNegotiator server() {
        Set<ServiceRole> any = EnumSet.allOf(ServiceRole.class);
        Latest latest = new Latest(any, false);
        return watched(InternalProtocolNegotiators.serverTls(new CurrentSslContext(latest::context)));
    }

    @Override
    public ProtocolNegotiator client(Set<ServiceRole> expected) {
        Latest latest = new Latest(expected, true);
        return watched(InternalProtocolNegotiators.tls(new CurrentSslContext(latest::context), null, null));
    }

    private ProtocolNegotiator watched(ProtocolNegotiator negotiator) {
        return new AddedHandler(negotiator, _ -> new HandshakeWatch(this::refused));
    }

    /** The context of the current certificates, made when it is asked for after they have changed. */
    private final class Latest {
        private final Set<ServiceRole> expected;
        private final boolean client;
        private @Nullable Credentials of;
        private @Nullable SslContext made;

        Latest(Set<ServiceRole> expected, boolean client) {
            this.expected = Set.copyOf(expected);
            this.client = client;
        }

        synchronized SslContext context() {
            Credentials now = current;
            SslContext context = made;
            if (context == null || !now.equals(of)) {
                context = build(now, expected, client);
                made = context;
                of = now;
            }
            return context;
        }
    }

    private static SslContext build(Credentials credentials, Set<ServiceRole> expected, boolean client) {
        try {
            SslContextBuilder builder = client
                    ? SslContextBuilder.forClient().keyManager(credentials.keys())
                    : SslContextBuilder.forServer(credentials.keys())
                            .clientAuth(io.netty.handler.ssl.ClientAuth.REQUIRE);
            return builder.sslProvider(SslProvider.JDK)
                    .protocols(PROTOCOL)
                    .trustManager(ExpectedPeer.trustManager(credentials.trusted(), expected))
                    .applicationProtocolConfig(new ApplicationProtocolConfig(
                            Protocol.ALPN,
                            SelectorFailureBehavior.NO_ADVERTISE,
                            SelectedListenerFailureBehavior.ACCEPT,
                            ApplicationProtocolNames.HTTP_2))
                    .build();
        } catch (SSLException e) {
            throw new TlsException("TLS is not possible with these certificates: " + e.getMessage(), e);
        }
    }

    private void refused(@Nullable SocketAddress peer, TlsFailure why) {
        handshakesRefused.increment();
        long now = System.nanoTime();
        long last = lastLogged.get();
        // Anybody can make connections fail; they shall not fill the log.
        if (now - last >= LOG_EVERY_NANOS && lastLogged.compareAndSet(last, now)) {
            LOG.warnf("TLS: no connection with %s: %s", peer, why.sentence());
        }
    }

    /** A call was refused because of the caller's role. */
    public void refusedRole() {
        rolesRefused.increment();
    }

    /** Who this service is. */
    public PeerName own() {
        return own;
    }

    /** When its certificate runs out. */
    public Instant expires() {
        return current.certificate().getNotAfter().toInstant();
    }

    /** Connections, from others or to others, that TLS did not let begin. */
    public long handshakesRefused() {
        return handshakesRefused.sum();
    }

    /** Calls that were refused because of the caller's role. */
    public long rolesRefused() {
        return rolesRefused.sum();
    }

    /** How often there were new certificates. */
    public long reloaded() {
        return reloaded.sum();
    }

    /** How often certificates could not be read again, or could not be used. */
    public long reloadsFailed() {
        return reloadsFailed.sum();
    }

    @Override
    public void close() {
        timer.shutdownNow();
    }
}
