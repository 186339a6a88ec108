package io.baton.router.http;

import com.fasterxml.jackson.core.JsonGenerator;
import io.baton.inference.v1.GenerateFinished;
import io.baton.inference.v1.TokenOutput;
import io.baton.router.run.CallInfo;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpServerRequest;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * An answer as a stream of server-sent events. The status is sent with the first event, so that what fails before has a status
 * of its own; silence for the keep-alive interval sends it, too, with a comment line.
 *
 * <p><em>Thread-safety:</em> none, as {@link Reply}.
 */
final class StreamReply extends Reply {
    // Text, not buffers: a native image may hold no buffer that was made while it was built.
    private static final String KEEP_ALIVE = ": keep-alive\n\n";
    private static final String DONE = "data: [DONE]\n\n";

    private final Responder responder;
    private final Vertx vertx;
    private final long keepAliveTimer;
    private final List<LogprobsJson> logprobs = new ArrayList<>();
    private final boolean[] opened;
    private boolean silent = true;

    StreamReply(
            ParsedRequest request,
            CallInfo call,
            HttpServerRequest http,
            Responder responder,
            Vertx vertx,
            Duration keepAlive) {
        super(request, call, http);
        this.responder = responder;
        this.vertx = vertx;
        this.opened = new boolean[request.generations().size()];
        for (int i = 0; i < opened.length; i++) {
            logprobs.add(new LogprobsJson(request.kind()));
        }
        // Twice as often as the interval would leave: a comment follows at most one interval of silence.
        this.keepAliveTimer = vertx.setPeriodic(Math.max(1, keepAlive.toMillis()), _ -> keepAlive());
    }

    private void keepAlive() {
        if (silent && !response.writeQueueFull()) {
            write(Buffer.buffer(KEEP_ALIVE));
        }
        silent = true;
    }

    private void write(Buffer data) {
        silent = false;
        if (!response.headWritten()) {
            response.setChunked(true)
                    .putHeader(HttpHeaders.CONTENT_TYPE, "text/event-stream; charset=utf-8")
                    .putHeader(HttpHeaders.CACHE_CONTROL, "no-cache")
                    .putHeader("X-Accel-Buffering", "no");
        }
        response.write(data);
    }

    @Override
    boolean isReady() {
        return !response.writeQueueFull();
    }

    @Override
    void output(int index, TokenOutput output) {
        open(index);
        write(JsonOut.event(json -> {
            chunkStart(json, index);
            text(json, output.getText());
            if (request.logprobs()) {
                logprobs.get(index).write(json, output.getLogprobsList());
            } else {
                json.writeNullField("logprobs");
            }
            json.writeNullField("finish_reason");
            chunkEnd(json);
            json.writeEndObject();
        }));
    }

    @Override
    void finished(int index, GenerateFinished finished) {
        open(index);
        write(JsonOut.event(json -> {
            chunkStart(json, index);
            if (request.kind() == ApiKind.CHAT) {
                json.writeObjectFieldStart("delta");
                json.writeEndObject();
            } else {
                json.writeStringField("text", "");
            }
            json.writeNullField("logprobs");
            ReportJson.end(json, finished.getCompletion());
            chunkEnd(json);
            ReportJson.timing(json, finished.getTiming());
            json.writeEndObject();
        }));
    }

    @Override
    void complete(GenerateFinished last) {
        if (request.includeUsage()) {
            write(JsonOut.event(json -> {
                json.writeStartObject();
                head(json, request.kind().chunkObject());
                json.writeArrayFieldStart("choices");
                json.writeEndArray();
                ReportJson.usage(json, totalUsage());
                ReportJson.timing(json, last.getTiming());
                json.writeEndObject();
            }));
        }
        write(Buffer.buffer(DONE));
        responder.delivery(http).end(response.end());
    }

    @Override
    void failed(ApiError error, boolean cut) {
        if (cut) {
            // The client does not read, so it cannot be told; keeping the connection would keep what it has not read.
            response.reset();
        } else if (!response.headWritten()) {
            responder.error(http, error);
        } else {
            write(JsonOut.event(json -> JsonOut.error(json, error)));
            responder.delivery(http).end(response.end());
        }
    }

    @Override
    void over() {
        vertx.cancelTimer(keepAliveTimer);
    }

    /** The chat API opens each choice with its role. */
    private void open(int index) {
        if (!opened[index]) {
            opened[index] = true;
            if (request.kind() == ApiKind.CHAT) {
                write(JsonOut.event(json -> {
                    chunkStart(json, index);
                    json.writeObjectFieldStart("delta");
                    json.writeStringField("role", "assistant");
                    json.writeStringField("content", "");
                    json.writeEndObject();
                    json.writeNullField("logprobs");
                    json.writeNullField("finish_reason");
                    chunkEnd(json);
                    json.writeEndObject();
                }));
            }
        }
    }

    private void text(JsonGenerator json, String text) throws IOException {
        if (request.kind() == ApiKind.CHAT) {
            json.writeObjectFieldStart("delta");
            json.writeStringField("content", text);
            json.writeEndObject();
        } else {
            json.writeStringField("text", text);
        }
    }

    private void chunkStart(JsonGenerator json, int index) throws IOException {
        json.writeStartObject();
        head(json, request.kind().chunkObject());
        json.writeArrayFieldStart("choices");
        json.writeStartObject();
        json.writeNumberField("index", index);
    }

    /** Ends the only choice; with usage asked for, every chunk but the last says that it has none. */
    private void chunkEnd(JsonGenerator json) throws IOException {
        json.writeEndObject();
        json.writeEndArray();
        if (request.includeUsage()) {
            json.writeNullField("usage");
        }
    }
}
