package io.baton.cli.bench.goodput;

import io.baton.cli.chaos.Trace;
import io.baton.cli.launch.LaunchException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A {@link Trace} in the format of Mooncake (Qin et al., FAST 2025), whose {@code hash_ids} must name every block of a prompt. */
final class TraceFile {
    private TraceFile() {}

    /**
     * The requests, in the order of the file.
     *
     * @throws LaunchException if the file cannot be read, a line is not of the format, or a request lacks names of blocks
     */
    static List<TraceRequest> read(Path file) {
        List<TraceRequest> requests = new ArrayList<>();
        for (Trace.Line line : Trace.read(file).lines()) {
            requests.add(request(file + ", request " + (requests.size() + 1), line));
        }
        return requests;
    }

    private static TraceRequest request(String where, Trace.Line line) {
        try {
            return new TraceRequest(
                    line.millis() / 1e3,
                    line.input(),
                    line.output(),
                    line.blocks().stream().mapToLong(Long::longValue).toArray());
        } catch (IllegalArgumentException e) {
            throw new LaunchException(where + ": " + e.getMessage(), e);
        }
    }
}
