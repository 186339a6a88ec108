package io.baton.router.grpc;

import io.grpc.MethodDescriptor;
import io.grpc.ServerMethodDefinition;
import io.grpc.ServerServiceDefinition;
import io.grpc.ServiceDescriptor;
import io.grpc.StatusRuntimeException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;

/**
 * Lets a service see messages that cannot be parsed. By itself gRPC would answer them with UNKNOWN; the service can say what is
 * wrong.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class Malformed {
    private Malformed() {}

    /** The service, with {@code standIn} in the place of each message of {@code method} that cannot be parsed. */
    static <Q> ServerServiceDefinition tolerating(
            ServerServiceDefinition service, MethodDescriptor<Q, ?> method, Q standIn) {
        List<ServerMethodDefinition<?, ?>> methods = new ArrayList<>();
        ServiceDescriptor.Builder descriptor = ServiceDescriptor.newBuilder(
                        service.getServiceDescriptor().getName())
                .setSchemaDescriptor(service.getServiceDescriptor().getSchemaDescriptor());
        for (ServerMethodDefinition<?, ?> definition : service.getMethods()) {
            boolean meant = definition.getMethodDescriptor().getFullMethodName().equals(method.getFullMethodName());
            ServerMethodDefinition<?, ?> kept = meant ? tolerating(definition, standIn) : definition;
            methods.add(kept);
            descriptor.addMethod(kept.getMethodDescriptor());
        }
        ServerServiceDefinition.Builder result = ServerServiceDefinition.builder(descriptor.build());
        methods.forEach(result::addMethod);
        return result.build();
    }

    @SuppressWarnings("unchecked") // The method of the definition is the one that the stand-in was given for.
    private static <Q, R> ServerMethodDefinition<Q, R> tolerating(ServerMethodDefinition<?, ?> definition, Q standIn) {
        ServerMethodDefinition<Q, R> typed = (ServerMethodDefinition<Q, R>) definition;
        MethodDescriptor<Q, R> method = typed.getMethodDescriptor();
        return ServerMethodDefinition.create(
                method.toBuilder(new Tolerant<>(method.getRequestMarshaller(), standIn), method.getResponseMarshaller())
                        .build(),
                typed.getServerCallHandler());
    }

    private record Tolerant<Q>(MethodDescriptor.Marshaller<Q> usual, Q standIn)
            implements MethodDescriptor.Marshaller<Q> {
        @Override
        public InputStream stream(Q value) {
            return usual.stream(value);
        }

        @Override
        public Q parse(InputStream stream) {
            try {
                return usual.parse(stream);
            } catch (StatusRuntimeException e) {
                // Too large is said by gRPC itself, with a status of its own.
                if (e.getStatus().getCode() == io.grpc.Status.Code.RESOURCE_EXHAUSTED) {
                    throw e;
                }
                return standIn;
            }
        }
    }
}
