package io.baton.tls;

import io.grpc.netty.InternalProtocolNegotiator.ProtocolNegotiator;
import io.grpc.netty.InternalProtocolNegotiators;
import java.util.Set;

/**
 * How a service's connections to other services begin.
 *
 * <p><em>Thread-safety:</em> safe.
 */
public sealed interface ServiceTls extends AutoCloseable permits MutualTls, ServiceTls.Plaintext {
    /** How connections begin that others open. */
    ProtocolNegotiator server();

    /**
     * How connections begin that it opens.
     *
     * @param expected what may be at the other end
     */
    ProtocolNegotiator client(Set<ServiceRole> expected);

    /** Looks for no new certificates any more; connections go on. */
    @Override
    void close();

    /** Without TLS. */
    static ServiceTls plaintext() {
        return new Plaintext();
    }

    /** Without TLS: nobody proves anything. */
    record Plaintext() implements ServiceTls {
        @Override
        public ProtocolNegotiator server() {
            return InternalProtocolNegotiators.serverPlaintext();
        }

        @Override
        public ProtocolNegotiator client(Set<ServiceRole> expected) {
            return InternalProtocolNegotiators.plaintext();
        }

        @Override
        public void close() {
            // It holds nothing.
        }
    }
}
