package io.baton.router.grpc;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.grpc.AliasingMarshaller;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.GenerateResponse;
import io.baton.inference.v1.InferenceServiceGrpc;
import io.baton.inference.v1.ListModelsRequest;
import io.baton.inference.v1.ListModelsResponse;
import io.baton.router.admission.Priority;
import io.baton.router.admission.Terms;
import io.baton.router.admission.Ticket;
import io.baton.router.config.RouterConfig;
import io.baton.router.fleet.Fleet;
import io.baton.router.life.Generation;
import io.baton.router.metrics.RouterMetrics;
import io.baton.router.request.Models;
import io.baton.router.request.Names;
import io.baton.router.request.RequestChecks;
import io.baton.router.request.Seeds;
import io.baton.router.request.Violation;
import io.baton.router.run.CallInfo;
import io.baton.router.run.Generations;
import io.baton.router.run.RequestRun;
import io.grpc.BindableService;
import io.grpc.Context;
import io.grpc.Deadline;
import io.grpc.MethodDescriptor;
import io.grpc.ServerServiceDefinition;
import io.grpc.SynchronizationContext;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.quarkus.grpc.GrpcService;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import org.jboss.logging.Logger;

/**
 * The public gRPC service.
 *
 * <p><em>Thread-safety:</em> safe. Each call has a synchronisation context of its own.
 */
@GrpcService
public class InferenceEndpoint implements BindableService, InferenceServiceGrpc.AsyncService {
    private static final Logger LOG = Logger.getLogger(InferenceEndpoint.class);
    /** Stands for a message that could not be read; known by its identity. */
    private static final GenerateRequest MALFORMED =
            GenerateRequest.newBuilder().setRequestId("malformed").build();
    /** Stands for a message over the limit; known by its identity. */
    private static final GenerateRequest TOO_LARGE =
            GenerateRequest.newBuilder().setRequestId("too large").build();
    /** Longer than any request may take. */
    private static final Duration NO_DEADLINE = Duration.ofDays(365);

    private final Generations generations;
    private final Fleet fleet;
    private final RouterMetrics metrics;
    private final long maxMessage;

    InferenceEndpoint(Generations generations, Fleet fleet, RouterMetrics metrics, RouterConfig config) {
        this.metrics = metrics;
        this.maxMessage = config.grpc().maxMessage().asLongValue();
        this.generations = generations;
        this.fleet = fleet;
    }

    @Override
    public ServerServiceDefinition bindService() {
        MethodDescriptor<GenerateRequest, GenerateResponse> generate = InferenceServiceGrpc.getGenerateMethod();
        var requests = new AliasingMarshaller<>(generate.getRequestMarshaller(), PromptInPlace::read, 0);
        return Malformed.tolerating(
                InferenceServiceGrpc.bindService(this),
                generate.toBuilder(requests, generate.getResponseMarshaller()).build(),
                new Malformed.StandIns<>(MALFORMED, TOO_LARGE, maxMessage));
    }

    @Override
    @SuppressWarnings("ReferenceEquality") // The stand-in is one object; an equal message of a client is not meant.
    public void generate(GenerateRequest request, StreamObserver<GenerateResponse> observer) {
        long arrived = System.nanoTime();
        ServerCallStreamObserver<GenerateResponse> client = (ServerCallStreamObserver<GenerateResponse>) observer;
        try {
            if (request == MALFORMED) {
                throw new BatonException(
                        ErrorCode.INVALID_REQUEST, "the message is not a GenerateRequest; text must be valid UTF-8");
            }
            if (request == TOO_LARGE) {
                throw new BatonException(
                        ErrorCode.REQUEST_TOO_LARGE,
                        "the message is larger than the limit of " + maxMessage + " bytes; send less");
            }
            CallInfo call = callInfo(request);
            Generation generation = prepare(request, call);
            List<Ticket> tickets =
                    generations.admit(generation.tenant(), terms(), List.of(generation.request()), arrived);
            SynchronizationContext serial = new SynchronizationContext(
                    (_, e) -> LOG.errorf(e, "request %s failed inside the router", call.requestId()));
            RequestRun run = generations.create(
                    generation,
                    tickets.getFirst(),
                    call,
                    arrived,
                    timeout(),
                    new GrpcSink(client, CallHeaders.SLOT.get()),
                    serial);
            client.setOnReadyHandler(() -> run.execute(run::clientReady));
            client.setOnCancelHandler(
                    () -> run.abort(new BatonException(ErrorCode.CANCELLED, "the client cancelled the request")));
            run.start();
        } catch (BatonException e) {
            metrics.refused(e.code().name());
            client.onError(e.toStatus());
        }
    }

    private static Terms terms() {
        CallHeaders.Slot slot = CallHeaders.SLOT.get();
        if (slot == null) {
            return Terms.NONE;
        }
        Priority priority = Terms.priority(slot.priority);
        if (priority == null) {
            throw new Violation(Terms.PRIORITY_HEADER, Terms.PRIORITY_RULE).toException();
        }
        if (slot.ttft != null && !Terms.isTtft(slot.ttft)) {
            throw new Violation(Terms.TTFT_HEADER, Terms.TTFT_RULE).toException();
        }
        return new Terms(priority, Terms.ttft(slot.ttft));
    }

    private static CallInfo callInfo(GenerateRequest request) {
        CallHeaders.Slot slot = CallHeaders.SLOT.get();
        String header = slot == null ? null : slot.requestId;
        String name =
                !request.getRequestId().isEmpty() ? request.getRequestId() : header != null ? header : Names.random();
        if (!Names.isValid(name)) {
            throw new Violation(request.getRequestId().isEmpty() ? "x-request-id" : "request_id", Names.RULE)
                    .toException();
        }
        CallInfo info = new CallInfo(name, slot == null ? null : Names.traceparent(slot.traceparent));
        if (slot != null) {
            slot.answer(info);
        }
        return info;
    }

    private Generation prepare(GenerateRequest request, CallInfo call) {
        Optional<Violation> violation = RequestChecks.firstViolation(request);
        if (violation.isPresent()) {
            throw violation.get().toException();
        }
        GenerateRequest.Builder complete =
                request.toBuilder().setModel(Models.resolve(request.getModel(), fleet.models()));
        if (!request.getSampling().hasSeed()) {
            complete.getSamplingBuilder().setSeed(Seeds.draw());
        }
        return new Generation(
                call.requestId(), Names.unique(call.requestId()), ApiKeyCheck.TENANT.get(), complete.build());
    }

    private static Duration timeout() {
        Deadline deadline = Context.current().getDeadline();
        return deadline == null
                ? NO_DEADLINE
                : Duration.ofNanos(Math.max(0, deadline.timeRemaining(TimeUnit.NANOSECONDS)));
    }

    @Override
    public void listModels(ListModelsRequest request, StreamObserver<ListModelsResponse> observer) {
        ListModelsResponse.Builder response = ListModelsResponse.newBuilder();
        response.addAllModels(fleet.servedModels());
        observer.onNext(response.build());
        observer.onCompleted();
    }
}
