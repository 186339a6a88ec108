package io.baton.router.http;

import com.fasterxml.jackson.core.JsonGenerator;
import io.baton.error.BatonException;
import io.baton.inference.v1.Model;
import io.baton.router.admission.Priority;
import io.baton.router.admission.Terms;
import io.baton.router.auth.Authenticator;
import io.baton.router.config.RouterConfig;
import io.baton.router.fleet.Fleet;
import io.baton.router.metrics.RouterMetrics;
import io.baton.router.request.Names;
import io.baton.router.run.CallInfo;
import io.baton.router.run.Generations;
import io.netty.handler.codec.http.QueryStringDecoder;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpHeaders;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.HttpServerRequest;
import io.vertx.core.http.HttpServerResponse;
import io.vertx.ext.web.Router;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.event.Observes;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * The routes under /v1.
 *
 * <p><em>Thread-safety:</em> safe; each request stays on its connection's event loop.
 */
@ApplicationScoped
public class HttpApi {
    private static final Logger LOG = Logger.getLogger(HttpApi.class);
    private static final String MODELS = "/v1/models";

    private final RouterConfig config;
    private final Fleet fleet;
    private final Generations generations;
    private final RouterMetrics metrics;
    private final Authenticator authenticator;
    private final Vertx vertx;
    private final Responder responder;

    HttpApi(
            RouterConfig config,
            Fleet fleet,
            Generations generations,
            RouterMetrics metrics,
            Authenticator authenticator,
            Vertx vertx) {
        this.authenticator = authenticator;
        this.config = config;
        this.fleet = fleet;
        this.generations = generations;
        this.metrics = metrics;
        this.vertx = vertx;
        this.responder =
                new Responder(config.retryAfter().toSeconds(), vertx, config.clientStallTimeout(), metrics::slowClient);
    }

    void routes(@Observes Router router) {
        router.route("/v1").handler(this::handle);
        router.route("/v1/*").handler(this::handle);
    }

    private void handle(RoutingContext routing) {
        HttpServerRequest request = routing.request();
        HttpServerResponse response = request.response();
        try {
            String given = request.getHeader("X-Request-Id");
            boolean valid = given == null || Names.isValid(given);
            CallInfo call = new CallInfo(
                    given != null && valid ? given : Names.random(),
                    Names.traceparent(request.getHeader("traceparent")));
            Responder.identify(response, call);
            if (!valid) {
                throw ApiError.field("X-Request-Id", Names.RULE);
            }
            String tenant = authenticator.tenant(request.getHeader(HttpHeaders.AUTHORIZATION));
            route(request, call, tenant);
        } catch (RuntimeException e) {
            reader(request, _ -> {}).refuse(vertx, config.http().bodyTimeout(), error(e));
        }
    }

    private void route(HttpServerRequest request, CallInfo call, String tenant) {
        String path = request.path();
        switch (path) {
            case "/v1/completions" -> generate(ApiKind.COMPLETION, request, call, tenant);
            case "/v1/chat/completions" -> generate(ApiKind.CHAT, request, call, tenant);
            case MODELS -> {
                allow(request, HttpMethod.GET);
                models(request);
            }
            default -> {
                if (!path.startsWith(MODELS + "/")) {
                    throw ApiError.http(404, "not_found", "there is nothing at this path");
                }
                allow(request, HttpMethod.GET);
                model(request, decode(path.substring(MODELS.length() + 1)));
            }
        }
    }

    private static void allow(HttpServerRequest request, HttpMethod method) {
        if (!request.method().equals(method)) {
            request.response().putHeader(HttpHeaders.ALLOW, method.name());
            throw ApiError.http(405, "method_not_allowed", "this path takes only " + method.name());
        }
    }

    private static String decode(String component) {
        try {
            return QueryStringDecoder.decodeComponent(component.replace("+", "%2B"));
        } catch (IllegalArgumentException e) {
            throw ApiError.invalid("the path has a broken percent escape");
        }
    }

    private void generate(ApiKind kind, HttpServerRequest request, CallInfo call, String tenant) {
        long arrived = System.nanoTime();
        allow(request, HttpMethod.POST);
        String type = request.getHeader(HttpHeaders.CONTENT_TYPE);
        if (!isJson(type)) {
            throw ApiError.http(
                    415,
                    "unsupported_media_type",
                    "the body must be JSON in UTF-8; send Content-Type: application/json");
        }
        BodyReader reader = reader(request, body -> {
            try {
                start(kind, body, call, tenant, request, arrived);
            } catch (RuntimeException e) {
                refuse(request, error(e));
            }
        });
        reader.start(vertx, config.http().bodyTimeout());
    }

    private BodyReader reader(HttpServerRequest request, Consumer<Buffer> onBody) {
        return new BodyReader(
                request,
                config.http().maxBody().asLongValue(),
                config.http().maxDiscardedBody().asLongValue(),
                onBody,
                error -> refuse(request, error));
    }

    private static boolean isJson(@Nullable String contentType) {
        if (contentType == null) {
            return true;
        }
        String type = contentType.toLowerCase(Locale.ROOT).replace(" ", "").replace("\"", "");
        return type.equals("application/json") || type.equals("application/json;charset=utf-8");
    }

    private void start(ApiKind kind, Buffer body, CallInfo call, String tenant, HttpServerRequest http, long arrived) {
        HttpServerResponse response = http.response();
        ParsedRequest request = RequestParser.parse(
                kind, JsonIn.parse(body), fleet.models(), config.http().maxChoices());
        Reply reply = request.stream()
                ? new StreamReply(
                        request, call, http, responder, vertx, config.http().keepAlive())
                : new WholeReply(request, call, http, responder);
        try {
            new Launch(generations, call, tenant, terms(http), arrived).start(request, reply, vertx);
        } catch (RuntimeException e) {
            reply.over();
            throw e;
        }
        response.closeHandler(_ -> reply.clientGone());
        response.exceptionHandler(_ -> reply.clientGone());
        response.drainHandler(_ -> reply.clientReady());
        if (response.closed()) {
            reply.clientGone();
        }
    }

    private static Terms terms(HttpServerRequest request) {
        Priority priority = Terms.priority(request.getHeader(Terms.PRIORITY_HEADER));
        if (priority == null) {
            throw ApiError.field(Terms.PRIORITY_HEADER, Terms.PRIORITY_RULE);
        }
        String ttft = request.getHeader(Terms.TTFT_HEADER);
        if (ttft != null && !Terms.isTtft(ttft)) {
            throw ApiError.field(Terms.TTFT_HEADER, Terms.TTFT_RULE);
        }
        return new Terms(priority, Terms.ttft(ttft));
    }

    private void models(HttpServerRequest request) {
        List<Model> models = fleet.servedModels();
        responder.json(request, JsonOut.plain(json -> {
            json.writeStartObject();
            json.writeStringField("object", "list");
            json.writeArrayFieldStart("data");
            for (Model model : models) {
                write(json, model);
            }
            json.writeEndArray();
            json.writeEndObject();
        }));
    }

    private void model(HttpServerRequest request, String id) {
        for (Model model : fleet.servedModels()) {
            if (model.getId().equals(id)) {
                responder.json(request, JsonOut.plain(json -> write(json, model)));
                return;
            }
        }
        throw ApiError.http(404, "model_not_found", "this model is not served here; /v1/models lists those that are");
    }

    private static void write(JsonGenerator json, Model model) throws IOException {
        json.writeStartObject();
        json.writeStringField("id", model.getId());
        json.writeStringField("object", "model");
        json.writeNumberField("created", model.getCreated());
        json.writeStringField("owned_by", "baton");
        json.writeNumberField("max_model_len", model.getContextLength());
        json.writeEndObject();
    }

    private static ApiError error(RuntimeException e) {
        return switch (e) {
            case ApiError a -> a;
            case BatonException b -> ApiError.of(b);
            default -> {
                LOG.error("a request failed inside the router", e);
                yield ApiError.of(BatonException.from(e));
            }
        };
    }

    private void refuse(HttpServerRequest request, ApiError error) {
        metrics.refused(error.code().toUpperCase(Locale.ROOT));
        responder.error(request, error);
    }
}
