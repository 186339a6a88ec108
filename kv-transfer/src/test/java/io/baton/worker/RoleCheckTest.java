package io.baton.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.decode.v1.DecodeServiceGrpc;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.v1.KvTransferServiceGrpc;
import io.baton.prefill.v1.PrefillServiceGrpc;
import io.baton.tls.MutualTls;
import io.baton.tls.ServiceRole;
import io.baton.tls.ServiceTls;
import io.baton.tls.TestAuthority;
import io.baton.worker.v1.LegServiceGrpc;
import io.baton.worker.v1.WorkerServiceGrpc;
import io.grpc.CallOptions;
import io.grpc.ClientCall;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.MethodDescriptor;
import io.grpc.MethodDescriptor.Marshaller;
import io.grpc.Server;
import io.grpc.ServiceDescriptor;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import io.grpc.health.v1.HealthGrpc;
import io.grpc.netty.GrpcSslContexts;
import io.grpc.netty.InternalNettyChannelBuilder;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.NettyServerBuilder;
import io.grpc.protobuf.services.HealthStatusManager;
import io.grpc.protobuf.services.ProtoReflectionServiceV1;
import io.grpc.reflection.v1.ServerReflectionGrpc;
import io.netty.handler.ssl.util.InsecureTrustManagerFactory;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.concurrent.locks.LockSupport;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Who may call what of a worker, over real connections. */
class RoleCheckTest {
    private static final Set<ServiceRole> ANY = EnumSet.allOf(ServiceRole.class);

    /** The rules once more, in words, for every method that a worker serves. */
    private static final Map<String, Set<ServiceRole>> EXPECTED = Map.ofEntries(
            Map.entry("baton.prefill.v1.PrefillService/Prefill", Set.of(ServiceRole.ROUTER)),
            Map.entry("baton.decode.v1.DecodeService/Decode", Set.of(ServiceRole.ROUTER)),
            Map.entry("baton.worker.v1.WorkerService/Watch", Set.of(ServiceRole.ROUTER)),
            Map.entry("baton.worker.v1.LegService/Session", Set.of(ServiceRole.ROUTER)),
            Map.entry("baton.kv.v1.KvTransferService/Pull", Set.of(ServiceRole.DECODE)),
            Map.entry("baton.kv.v1.KvTransferService/Renew", Set.of(ServiceRole.DECODE)),
            Map.entry("baton.kv.v1.KvTransferService/Acknowledge", Set.of(ServiceRole.DECODE)),
            Map.entry("grpc.health.v1.Health/Check", ANY),
            Map.entry("grpc.health.v1.Health/Watch", ANY),
            Map.entry("grpc.reflection.v1.ServerReflection/ServerReflectionInfo", ANY));

    private static final List<ServiceDescriptor> SERVICES = List.of(
            PrefillServiceGrpc.getServiceDescriptor(),
            DecodeServiceGrpc.getServiceDescriptor(),
            KvTransferServiceGrpc.getServiceDescriptor(),
            WorkerServiceGrpc.getServiceDescriptor(),
            LegServiceGrpc.getServiceDescriptor(),
            HealthGrpc.getServiceDescriptor(),
            ServerReflectionGrpc.getServiceDescriptor());

    private static final Marshaller<byte[]> BYTES = new Marshaller<>() {
        @Override
        public InputStream stream(byte[] value) {
            return new ByteArrayInputStream(value);
        }

        @Override
        public byte[] parse(InputStream stream) {
            try {
                return stream.readAllBytes();
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        }
    };

    private final TestAuthority authority = new TestAuthority("tests");
    private final List<AutoCloseable> open = new ArrayList<>();
    private final AtomicReference<TestAuthority> current = new AtomicReference<>(authority);
    private final MutualTls tls = opened(TestAuthority.changing("spiffe://baton/prefill/prefill-0", current));
    private final Server server = serve(tls);

    private <T extends AutoCloseable> T opened(T closeable) {
        open.add(closeable);
        return closeable;
    }

    /** Services that do nothing: a call that reaches one ends with UNIMPLEMENTED, or with nothing at all. */
    private Server serve(MutualTls of) {
        try {
            var builder = NettyServerBuilder.forAddress(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            WorkerGrpcServer.authenticate(builder, of);
            Server started = builder.addService(new PrefillServiceGrpc.PrefillServiceImplBase() {})
                    .addService(new DecodeServiceGrpc.DecodeServiceImplBase() {})
                    .addService(new KvTransferServiceGrpc.KvTransferServiceImplBase() {})
                    .addService(new WorkerServiceGrpc.WorkerServiceImplBase() {})
                    .addService(new LegServiceGrpc.LegServiceImplBase() {})
                    .addService(new HealthStatusManager().getHealthService())
                    .addService(ProtoReflectionServiceV1.newInstance())
                    .build()
                    .start();
            open.add(started::shutdownNow);
            return started;
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable c : open.reversed()) {
            c.close();
        }
    }

    private ManagedChannel channel(ServiceTls of, Set<ServiceRole> expected) {
        var builder = NettyChannelBuilder.forAddress("127.0.0.1", server.getPort());
        var negotiator = of.client(expected);
        InternalNettyChannelBuilder.setProtocolNegotiatorFactory(builder, () -> negotiator);
        ManagedChannel channel = builder.build();
        open.add(channel::shutdownNow);
        return channel;
    }

    /** How a call ends that says nothing. */
    private static StatusRuntimeException end(ManagedChannel channel, MethodDescriptor<?, ?> method) throws Exception {
        var ended = new CompletableFuture<StatusRuntimeException>();
        ClientCall<byte[], byte[]> call = channel.newCall(
                method.toBuilder(BYTES, BYTES).build(), CallOptions.DEFAULT.withDeadlineAfter(60, TimeUnit.SECONDS));
        call.start(
                new ClientCall.Listener<>() {
                    @Override
                    public void onMessage(byte[] message) {
                        // It was let through; what goes on watching would not end by itself.
                        call.cancel("enough", null);
                    }

                    @Override
                    public void onClose(Status status, Metadata trailers) {
                        ended.complete(status.asRuntimeException(trailers));
                    }
                },
                new Metadata());
        call.request(1);
        call.sendMessage(new byte[0]);
        call.halfClose();
        return ended.get(60, TimeUnit.SECONDS);
    }

    @Test
    void shouldKnowEveryMethodOfEveryService() {
        // When
        Map<String, Set<ServiceRole>> rules = new TreeMap<>();
        for (ServiceDescriptor service : SERVICES) {
            service.getMethods().forEach(m -> rules.put(m.getFullMethodName(), CallerRoles.of(m.getFullMethodName())));
        }
        // Then
        assertThat(rules).containsExactlyInAnyOrderEntriesOf(EXPECTED);
        assertThat(server.getServices().stream()
                        .map(s -> s.getServiceDescriptor().getName()))
                .containsExactlyInAnyOrderElementsOf(
                        SERVICES.stream().map(ServiceDescriptor::getName).toList());
    }

    @Test
    void shouldLetNobodyCallWhatItDoesNotKnow() {
        assertThat(CallerRoles.of("baton.kv.v1.KvTransferService/Steal")).isEmpty();
    }

    @Test
    void shouldLetEveryRoleCallWhatIsForItAndNothingElse() throws Exception {
        long refusals = 0;
        for (ServiceRole role : ServiceRole.values()) {
            MutualTls caller = opened(authority.tls("spiffe://baton/" + role.label()));
            ManagedChannel channel = channel(caller, Set.of(ServiceRole.PREFILL));
            for (ServiceDescriptor service : SERVICES) {
                for (MethodDescriptor<?, ?> method : service.getMethods()) {
                    // When
                    StatusRuntimeException end = end(channel, method);
                    // Then
                    Set<ServiceRole> allowed = EXPECTED.getOrDefault(method.getFullMethodName(), Set.of());
                    if (allowed.contains(role)) {
                        assertThat(end.getStatus().getCode())
                                .as("%s by %s", method.getFullMethodName(), role)
                                .isIn(Status.Code.UNIMPLEMENTED, Status.Code.OK, Status.Code.CANCELLED);
                    } else {
                        refusals++;
                        assertThat(end.getStatus().getCode())
                                .as("%s by %s", method.getFullMethodName(), role)
                                .isEqualTo(Status.Code.PERMISSION_DENIED);
                        assertThat(BatonException.from(end).code()).isEqualTo(ErrorCode.ROLE_REFUSED);
                        assertThat(end.getStatus().getDescription())
                                .contains("spiffe://baton/" + role.label(), method.getFullMethodName());
                    }
                    assertThat(tls.rolesRefused()).isEqualTo(refusals);
                }
            }
        }
        assertThat(refusals).isPositive();
        assertThat(tls.handshakesRefused()).isZero();
    }

    private Status.Code health(ManagedChannel channel) throws Exception {
        return end(channel, HealthGrpc.getCheckMethod()).getStatus().getCode();
    }

    /** At least once: gRPC may try again where nothing of a call was sent. */
    private void assertOnlyHandshakesAreRefused() {
        assertThat(tls.handshakesRefused()).isPositive();
        assertThat(tls.rolesRefused()).isZero();
    }

    @Test
    void shouldRefuseAConnectionWithoutTls() throws Exception {
        assertThat(health(channel(ServiceTls.plaintext(), ANY))).isEqualTo(Status.Code.UNAVAILABLE);
        assertOnlyHandshakesAreRefused();
    }

    @Test
    void shouldRefuseACertificateOfAnotherAuthority() throws Exception {
        MutualTls stranger = opened(authority.strange("spiffe://baton/router"));
        assertThat(health(channel(stranger, ANY))).isEqualTo(Status.Code.UNAVAILABLE);
        assertOnlyHandshakesAreRefused();
    }

    @Test
    void shouldRefuseAPeerThatShowsNoCertificate() throws Exception {
        // Given: a client that trusts anybody and has nothing to show
        var context = GrpcSslContexts.forClient()
                .trustManager(InsecureTrustManagerFactory.INSTANCE)
                .build();
        ManagedChannel channel = NettyChannelBuilder.forAddress("127.0.0.1", server.getPort())
                .sslContext(context)
                .build();
        open.add(channel::shutdownNow);
        // When / Then
        assertThat(health(channel)).isEqualTo(Status.Code.UNAVAILABLE);
        assertOnlyHandshakesAreRefused();
    }

    @Test
    void shouldNotTalkToAServerOfAnotherRoleThanTheExpectedOne() throws Exception {
        MutualTls router = opened(authority.tls("spiffe://baton/router"));
        // When
        StatusRuntimeException end = end(channel(router, Set.of(ServiceRole.DECODE)), HealthGrpc.getCheckMethod());
        // Then
        assertThat(end.getStatus().getCode()).isEqualTo(Status.Code.UNAVAILABLE);
        assertThat(end).hasStackTraceContaining("expected was decode");
        assertThat(router.handshakesRefused()).isPositive();
        assertThat(health(channel(router, Set.of(ServiceRole.PREFILL)))).isNotEqualTo(Status.Code.UNAVAILABLE);
    }

    @Test
    void shouldUseNewCertificatesForNewConnectionsWithoutARestart() throws Exception {
        // Given
        MutualTls old = opened(authority.tls("spiffe://baton/router"));
        ManagedChannel before = channel(old, ANY);
        assertThat(health(before)).isNotEqualTo(Status.Code.UNAVAILABLE);
        // When the server's certificate and the authority that it trusts are others
        TestAuthority next = new TestAuthority("next");
        current.set(next);
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
        while (tls.reloaded() == 0 && System.nanoTime() < end) {
            LockSupport.parkNanos(2_000_000);
        }
        // Then the connection that is open goes on, and new ones are of the new authority
        assertThat(health(before)).isNotEqualTo(Status.Code.UNAVAILABLE);
        assertThat(health(channel(opened(next.tls("spiffe://baton/router")), ANY)))
                .isNotEqualTo(Status.Code.UNAVAILABLE);
        assertThat(health(channel(old, ANY))).isEqualTo(Status.Code.UNAVAILABLE);
    }
}
