package io.baton.router.grpc;

import io.baton.grpc.AliasingMarshaller;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.baton.inference.v1.Prompt;
import io.grpc.KnownLength;
import io.grpc.MethodDescriptor;
import java.io.ByteArrayInputStream;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/** What it costs to have the bytes of a prompt of text: read as gRPC reads any message, and in place. */
@State(Scope.Benchmark)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Fork(1)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 3, time = 1)
public class BenchmarkRequest {
    private final MethodDescriptor.Marshaller<GenerateRequest> usual =
            InferenceServiceGrpc.getGenerateMethod().getRequestMarshaller();
    private final MethodDescriptor.Marshaller<GenerateRequest> inPlace =
            new AliasingMarshaller<>(usual, PromptInPlace::read, 0);
    private byte[] bytes = {};

    @Param({"1000", "100000"})
    public int tokens;

    @Param({"four", "fö™"})
    public String token = "";

    private static final class Message extends ByteArrayInputStream implements KnownLength {
        Message(byte[] bytes) {
            super(bytes);
        }
    }

    @Setup
    public void setUp() {
        bytes = GenerateRequest.newBuilder()
                .setPrompt(Prompt.newBuilder().setText(token.repeat(tokens)))
                .build()
                .toByteArray();
    }

    @Benchmark
    public int usual() {
        return usual.parse(new Message(bytes)).getPrompt().getTextBytes().size();
    }

    @Benchmark
    public int inPlace() {
        return inPlace.parse(new Message(bytes)).getPrompt().getTextBytes().size();
    }
}
