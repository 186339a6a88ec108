package io.baton.router.http;

import com.fasterxml.jackson.core.JsonGenerator;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.GenerateFinished;
import io.baton.inference.v1.TokenOutput;
import io.baton.inference.v1.Usage;
import io.baton.router.run.CallInfo;
import io.baton.router.run.ClientEvent;
import io.baton.router.run.ClientSink;
import io.baton.router.run.RequestRun;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The answer to one request of the HTTP API, fed by one generation per choice.
 *
 * <p><em>Thread-safety:</em> none; belongs to the connection's event loop, which is also the serial executor of all its generations.
 */
abstract class Reply {
    final ParsedRequest request;
    final HttpServerRequest http;
    final HttpServerResponse response;
    private final CallInfo call;
    private final long created = System.currentTimeMillis() / 1000;
    private final List<RequestRun> runs = new ArrayList<>();
    private final @Nullable GenerateFinished[] ends;
    private int ended;
    private boolean over;

    Reply(ParsedRequest request, CallInfo call, HttpServerRequest http) {
        this.request = request;
        this.call = call;
        this.http = http;
        this.response = http.response();
        this.ends = new @Nullable GenerateFinished[request.generations().size()];
    }

    /** Adds the generation of the next choice. */
    void add(RequestRun run) {
        runs.add(run);
    }

    /** The client left: nothing more is computed for it. */
    void clientGone() {
        if (!over) {
            over = true;
            over();
            abortAll("the client closed the connection");
        }
    }

    /** The connection takes data again. */
    void clientReady() {
        runs.forEach(RequestRun::clientReady);
    }

    /** The end of one choice's generation. */
    ClientSink sink(int index) {
        return new ClientSink() {
            @Override
            public boolean isReady() {
                return over || Reply.this.isReady();
            }

            @Override
            public void picked(String reasons) {
                if (!over && index == 0 && !response.headWritten()) {
                    response.putHeader(CallInfo.PICK.name(), reasons);
                }
            }

            @Override
            public void write(ClientEvent event) {
                if (!over) {
                    take(index, event);
                }
            }
        };
    }

    private void take(int index, ClientEvent event) {
        switch (event) {
            case ClientEvent.Started _ -> {
                // Says nothing that the first token does not.
            }
            case ClientEvent.Output(var output) -> output(index, output);
            case ClientEvent.Finished(var finished) -> {
                ends[index] = finished;
                ended++;
                finished(index, finished);
                if (ended == ends.length) {
                    over = true;
                    complete(finished);
                    over();
                }
            }
            case ClientEvent.Failed(BatonException error, boolean cut) -> {
                over = true;
                failed(ApiError.of(error), cut);
                over();
                abortAll("another choice of the request failed");
            }
        }
    }

    private void abortAll(String why) {
        BatonException error = new BatonException(ErrorCode.CANCELLED, why);
        runs.forEach(run -> run.abort(error));
    }

    /** Whether the connection takes data. */
    abstract boolean isReady();

    /** Tokens of a choice. */
    abstract void output(int index, TokenOutput output);

    /** A choice is complete. */
    abstract void finished(int index, GenerateFinished finished);

    /** All choices are complete. */
    abstract void complete(GenerateFinished last);

    /** A choice failed, and the request with it. */
    abstract void failed(ApiError error, boolean cut);

    /** Nothing more is written; releases what the reply holds. */
    abstract void over();

    /** How a choice ended; only when all are complete. */
    final GenerateFinished end(int index) {
        GenerateFinished end = ends[index];
        if (end == null) {
            throw new IllegalStateException("choice " + index + " has not ended");
        }
        return end;
    }

    final Usage totalUsage() {
        List<Usage> usages = new ArrayList<>(ends.length);
        for (int i = 0; i < ends.length; i++) {
            usages.add(end(i).getUsage());
        }
        return ReportJson.total(usages, request.perPrompt());
    }

    final void head(JsonGenerator json, String object) throws IOException {
        json.writeStringField("id", request.kind().idPrefix() + call.requestId());
        json.writeStringField("object", object);
        json.writeNumberField("created", created);
        json.writeStringField("model", request.model());
    }
}
