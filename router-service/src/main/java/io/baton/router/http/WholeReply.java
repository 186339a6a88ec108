package io.baton.router.http;

import com.fasterxml.jackson.core.JsonGenerator;
import io.baton.inference.v1.GenerateFinished;
import io.baton.inference.v1.TokenLogprob;
import io.baton.inference.v1.TokenOutput;
import io.baton.router.run.CallInfo;
import io.vertx.core.http.HttpServerRequest;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/**
 * An answer in one piece.
 *
 * <p><em>Thread-safety:</em> none, as {@link Reply}.
 */
final class WholeReply extends Reply {
    private final Responder responder;
    private final List<StringBuilder> texts = new ArrayList<>();
    private final List<List<TokenLogprob>> logprobs = new ArrayList<>();

    WholeReply(ParsedRequest request, CallInfo call, HttpServerRequest http, Responder responder) {
        super(request, call, http);
        this.responder = responder;
        for (int i = 0; i < request.generations().size(); i++) {
            texts.add(new StringBuilder());
            logprobs.add(new ArrayList<>());
        }
    }

    @Override
    boolean isReady() {
        // What is collected is bounded by max_tokens.
        return true;
    }

    @Override
    void output(int index, TokenOutput output) {
        texts.get(index).append(output.getText());
        logprobs.get(index).addAll(output.getLogprobsList());
    }

    @Override
    void finished(int index, GenerateFinished finished) {
        // Written when all are complete.
    }

    @Override
    void complete(GenerateFinished last) {
        responder.json(http, JsonOut.plain(json -> {
            json.writeStartObject();
            head(json, request.kind().object());
            json.writeArrayFieldStart("choices");
            for (int i = 0; i < texts.size(); i++) {
                choice(json, i);
            }
            json.writeEndArray();
            ReportJson.usage(json, totalUsage());
            ReportJson.timing(json, last.getTiming());
            json.writeEndObject();
        }));
    }

    private void choice(JsonGenerator json, int index) throws IOException {
        json.writeStartObject();
        json.writeNumberField("index", index);
        if (request.kind() == ApiKind.CHAT) {
            json.writeObjectFieldStart("message");
            json.writeStringField("role", "assistant");
            json.writeStringField("content", texts.get(index).toString());
            json.writeEndObject();
        } else {
            json.writeStringField("text", texts.get(index).toString());
        }
        if (request.logprobs()) {
            new LogprobsJson(request.kind()).write(json, logprobs.get(index));
        } else {
            json.writeNullField("logprobs");
        }
        ReportJson.end(json, end(index).getCompletion());
        if (texts.size() > 1) {
            ReportJson.timing(json, end(index).getTiming());
        }
        json.writeEndObject();
    }

    @Override
    void failed(ApiError error, boolean cut) {
        responder.error(http, error);
    }

    @Override
    void over() {
        // Holds nothing but memory.
    }
}
