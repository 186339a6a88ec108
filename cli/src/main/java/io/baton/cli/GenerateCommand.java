package io.baton.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.baton.cli.launch.LaunchException;
import io.baton.cli.launch.RunState;
import io.baton.inference.v1.ChatMessage;
import io.baton.inference.v1.ChatPrompt;
import io.baton.inference.v1.GenerateFinished;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.GenerateResponse;
import io.baton.inference.v1.GenerateStarted;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.baton.inference.v1.Prompt;
import io.baton.inference.v1.SamplingParams;
import io.baton.inference.v1.StopParams;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.stub.MetadataUtils;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Sends one request to a router over gRPC. */
@Command(
        name = "generate",
        mixinStandardHelpOptions = true,
        sortOptions = false,
        header = "Send a prompt to the running fleet and stream the answer.",
        description = {
            "Asks the running fleet to continue a prompt, streams the text, and then says on one line where the",
            "time went. Without --port and --url it asks the only fleet that `up` started from this project."
        })
final class GenerateCommand implements Callable<Integer> {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Metadata.Key<String> AUTHORIZATION =
            Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

    @Spec
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec spec;

    @Parameters(paramLabel = "PROMPT", description = "What to ask, or with --raw what to continue.")
    private String prompt = "";

    @Option(
            names = "--max-tokens",
            paramLabel = "N",
            description = "Most tokens to generate. Default: the router's, within the model's context")
    private @Nullable Integer maxTokens;

    @Option(
            names = "--seed",
            paramLabel = "S",
            description = "Seed of the sampling: the same seed gives the same text. Default: drawn")
    private @Nullable Long seed;

    @Option(
            names = "--temperature",
            paramLabel = "T",
            description = "0 takes the likeliest token each time; 1 samples as the model was trained. Default: 0")
    private float temperature;

    @Option(names = "--raw", description = "Continue the text as it is, without the model's chat template.")
    private boolean raw;

    @Option(names = "--chat", description = "Ask as a user in the model's chat template; this is the default.")
    private boolean chat;

    @Option(names = "--json", description = "Print one JSON object with text, token ids, usage and timing at the end.")
    private boolean json;

    @Option(names = "--model", paramLabel = "NAME", description = "The model. Default: the only one that is served")
    private String model = "";

    @Option(names = "--port", paramLabel = "P", description = "The router's HTTP port, as for `up`; gRPC is P+1.")
    private @Nullable Integer port;

    @Option(names = "--url", paramLabel = "HOST:PORT", description = "Address of the router's gRPC server.")
    private @Nullable String url;

    @Option(
            names = "--api-key",
            paramLabel = "KEY",
            description = "The API key. Other users of the machine can see a command's arguments: better set"
                    + " BATON_API_KEY in the environment. Default: $BATON_API_KEY, else none")
    private @Nullable String apiKey;

    @Override
    public Integer call() {
        if (raw && chat) {
            throw new LaunchException("--raw and --chat exclude each other; give one of them");
        }
        ManagedChannel channel =
                NettyChannelBuilder.forTarget(address()).usePlaintext().build();
        try {
            Iterator<GenerateResponse> events = InferenceServiceGrpc.newBlockingStub(channel)
                    .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(key()))
                    .generate(request());
            receive(events);
            return 0;
        } finally {
            channel.shutdownNow();
        }
    }

    private Metadata key() {
        String key = apiKey == null ? System.getenv().getOrDefault("BATON_API_KEY", "") : apiKey;
        Metadata headers = new Metadata();
        if (!key.isEmpty()) {
            headers.put(AUTHORIZATION, "Bearer " + key);
        }
        return headers;
    }

    private GenerateRequest request() {
        Prompt.Builder what = Prompt.newBuilder();
        if (raw) {
            what.setText(prompt);
        } else {
            what.setChat(ChatPrompt.newBuilder()
                    .addMessages(ChatMessage.newBuilder().setRole("user").setContent(prompt)));
        }
        SamplingParams.Builder sampling = SamplingParams.newBuilder();
        Optional.ofNullable(seed).ifPresent(sampling::setSeed);
        sampling.setTemperature(temperature);
        StopParams.Builder stop = StopParams.newBuilder();
        Optional.ofNullable(maxTokens).ifPresent(stop::setMaxTokens);
        return GenerateRequest.newBuilder()
                .setModel(model)
                .setPrompt(what)
                .setSampling(sampling)
                .setStop(stop)
                .build();
    }

    private void receive(Iterator<GenerateResponse> events) {
        PrintWriter out = spec.commandLine().getOut();
        StringBuilder text = new StringBuilder();
        ArrayNode ids = JSON.createArrayNode();
        GenerateStarted started = GenerateStarted.getDefaultInstance();
        while (events.hasNext()) {
            GenerateResponse event = events.next();
            switch (event.getEventCase()) {
                case STARTED -> started = event.getStarted();
                case OUTPUT -> {
                    ByteBuffer tokens = event.getOutput()
                            .getTokenIds()
                            .asReadOnlyByteBuffer()
                            .order(ByteOrder.LITTLE_ENDIAN);
                    while (tokens.hasRemaining()) {
                        ids.add(tokens.getInt());
                    }
                    text.append(event.getOutput().getText());
                    if (!json) {
                        out.print(event.getOutput().getText());
                        out.flush();
                    }
                }
                case FINISHED -> {
                    GenerateFinished finished = event.getFinished();
                    if (json) {
                        out.println(
                                result(started, finished, text.toString(), ids).toPrettyString());
                    } else {
                        out.println();
                        out.println();
                        out.println(Timeline.line(finished));
                    }
                }
                case EVENT_NOT_SET -> {
                    // An event of a newer router; the rest of the stream does not depend on it.
                }
            }
        }
        out.flush();
    }

    private static ObjectNode result(GenerateStarted started, GenerateFinished finished, String text, ArrayNode ids) {
        ObjectNode node = JSON.createObjectNode();
        node.put("request_id", started.getRequestId());
        node.put("model", started.getModel());
        node.put("seed", Long.toUnsignedString(started.getSeed()));
        node.put("text", text);
        node.set("token_ids", ids);
        node.put(
                "finish_reason",
                finished.getCompletion()
                        .getReason()
                        .name()
                        .replace("FINISH_REASON_", "")
                        .toLowerCase(java.util.Locale.ROOT));
        node.set("usage", Timeline.json(finished.getUsage()));
        node.set("timing", Timeline.json(finished.getTiming()));
        return node;
    }

    private String address() {
        if (url != null) {
            return url;
        }
        if (port != null) {
            return "127.0.0.1:" + (port + 1);
        }
        List<RunState> runs = RunState.loadAll(Project.runs()).stream()
                .filter(RunState::alive)
                .toList();
        return switch (runs.size()) {
            case 0 ->
                throw new LaunchException(
                        "no fleet runs; start one with ./baton up, or name a router with --url HOST:PORT");
            case 1 -> runs.getFirst().host() + ":" + runs.getFirst().router().grpcPort();
            default ->
                throw new LaunchException("several fleets run, at the ports "
                        + runs.stream().map(RunState::port).toList() + "; choose one with --port P");
        };
    }
}
