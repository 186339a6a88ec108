package io.baton.grpc.session;

import io.baton.worker.v1.LegEnd;
import io.baton.worker.v1.LegHeader;
import io.grpc.Metadata;
import io.grpc.Status;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Metadata and statuses as they travel in a session. */
final class Headers {
    private Headers() {}

    /** Text values alone; binary ones stay behind. */
    static List<LegHeader> of(@Nullable Metadata metadata) {
        if (metadata == null) {
            return List.of();
        }
        List<LegHeader> headers = new ArrayList<>();
        for (String name : metadata.keys()) {
            if (name.endsWith(Metadata.BINARY_HEADER_SUFFIX)) {
                continue;
            }
            Iterable<String> values = metadata.getAll(key(name));
            if (values != null) {
                values.forEach(value -> headers.add(
                        LegHeader.newBuilder().setName(name).setValue(value).build()));
            }
        }
        return headers;
    }

    static Metadata metadata(List<LegHeader> headers) {
        Metadata metadata = new Metadata();
        for (LegHeader header : headers) {
            metadata.put(key(header.getName()), header.getValue());
        }
        return metadata;
    }

    private static Metadata.Key<String> key(String name) {
        return Metadata.Key.of(name, Metadata.ASCII_STRING_MARSHALLER);
    }

    static LegEnd end(Status status, @Nullable Metadata trailers) {
        LegEnd.Builder end = LegEnd.newBuilder().setStatus(status.getCode().value());
        String description = status.getDescription();
        if (description != null) {
            end.setDescription(description);
        }
        return end.addAllTrailers(of(trailers)).build();
    }

    static Status status(LegEnd end) {
        Status status = Status.fromCodeValue(end.getStatus());
        return end.getDescription().isEmpty() ? status : status.withDescription(end.getDescription());
    }
}
