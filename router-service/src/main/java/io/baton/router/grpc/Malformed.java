package io.baton.router.grpc;

import com.google.protobuf.MessageLite;
import io.grpc.KnownLength;
import io.grpc.MethodDescriptor;
import io.grpc.ServerMethodDefinition;
import io.grpc.ServerServiceDefinition;
import io.grpc.ServiceDescriptor;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;

/**
 * Lets a service see messages that are too large or cannot be parsed. By itself gRPC would answer them with a status that has no
 * code of ours; the service can say what is wrong.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class Malformed {
    private Malformed() {}

    /**
     * What a service is given in the place of a message that it cannot have.
     *
     * @param malformed stands for one that cannot be parsed
     * @param tooLarge stands for one of more than {@code limit} bytes
     */
    record StandIns<Q>(Q malformed, Q tooLarge, long limit) {}

    /**
     * The service, with stand-ins in the place of messages of {@code method} that it cannot have.
     *
     * @param method whose request marshaller reads the messages
     */
    static <Q extends MessageLite> ServerServiceDefinition tolerating(
            ServerServiceDefinition service, MethodDescriptor<Q, ?> method, StandIns<Q> standIns) {
        MethodDescriptor.Marshaller<Q> tolerant = new Tolerant<>(method.getRequestMarshaller(), standIns);
        List<ServerMethodDefinition<?, ?>> methods = new ArrayList<>();
        ServiceDescriptor.Builder descriptor = ServiceDescriptor.newBuilder(
                        service.getServiceDescriptor().getName())
                .setSchemaDescriptor(service.getServiceDescriptor().getSchemaDescriptor());
        for (ServerMethodDefinition<?, ?> definition : service.getMethods()) {
            boolean meant = definition.getMethodDescriptor().getFullMethodName().equals(method.getFullMethodName());
            ServerMethodDefinition<?, ?> kept = meant ? reading(definition, tolerant) : definition;
            methods.add(kept);
            descriptor.addMethod(kept.getMethodDescriptor());
        }
        ServerServiceDefinition.Builder result = ServerServiceDefinition.builder(descriptor.build());
        methods.forEach(result::addMethod);
        return result.build();
    }

    @SuppressWarnings("unchecked") // The method of the definition is the one that the marshaller is for.
    private static <Q, R> ServerMethodDefinition<Q, R> reading(
            ServerMethodDefinition<?, ?> definition, MethodDescriptor.Marshaller<Q> requests) {
        ServerMethodDefinition<Q, R> typed = (ServerMethodDefinition<Q, R>) definition;
        MethodDescriptor<Q, R> method = typed.getMethodDescriptor();
        return ServerMethodDefinition.create(
                method.toBuilder(requests, method.getResponseMarshaller()).build(), typed.getServerCallHandler());
    }

    private record Tolerant<Q extends MessageLite>(MethodDescriptor.Marshaller<Q> usual, StandIns<Q> standIns)
            implements MethodDescriptor.Marshaller<Q> {
        @Override
        public InputStream stream(Q value) {
            return usual.stream(value);
        }

        @Override
        public Q parse(InputStream stream) {
            try {
                // A compressed message shows its size only when it has been read.
                boolean known = stream instanceof KnownLength;
                if (known && stream.available() > standIns.limit()) {
                    return standIns.tooLarge();
                }
                Q message = usual.parse(stream);
                return !known && message.getSerializedSize() > standIns.limit() ? standIns.tooLarge() : message;
            } catch (IOException e) {
                throw new UncheckedIOException("a message in memory has no length", e);
            } catch (StatusRuntimeException e) {
                // Far too large is said by gRPC itself, with a status of its own.
                if (e.getStatus().getCode() == io.grpc.Status.Code.RESOURCE_EXHAUSTED) {
                    throw e;
                }
                return standIns.malformed();
            }
        }
    }
}
