package io.baton.router.run;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.FinishReason;
import io.baton.inference.v1.GenerateFinished;
import io.baton.inference.v1.Timing;
import io.baton.inference.v1.TokenOutput;
import io.baton.prefill.v1.PrefillAccepted;
import io.baton.router.life.Action;
import io.baton.router.life.Event;
import io.baton.router.life.Generation;
import io.baton.router.life.Outcome;
import io.baton.router.life.RequestState;
import io.baton.router.life.RequestState.Phase;
import io.baton.router.life.Step;
import io.baton.router.schedule.Pick;
import io.baton.worker.v1.WorkerRole;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.jboss.logging.Logger;
import org.jboss.logging.MDC;
import org.jspecify.annotations.Nullable;

/**
 * Carries out one request: feeds events to its state and does what the state says.
 *
 * <p><em>Thread-safety:</em> everything happens in the serial executor that the caller gives, which must run its tasks one at a
 * time and in order. {@link #start}, {@link #abort} and {@link #execute} may be called from any thread.
 */
public final class RequestRun {
    private static final Logger LOG = Logger.getLogger(RequestRun.class);

    private final Generation generation;
    private final String model;
    private final CallInfo call;
    private final RunEnvironment env;
    private final RunObserver.OfModel observer;
    private final Executor serial;
    private final Consumer<RequestRun> onDone;
    private final Turn turn;
    private final Timeline timeline;
    private final long deadlineNanos;
    private final Timers timers;
    private final ClientSink sink;
    private final ClientQueue client;
    private final Legs legs;

    private final ArrayDeque<Event> events = new ArrayDeque<>(4);
    private @Nullable RequestState state;
    private boolean stepping;
    private boolean done;
    /** Whether the stream continues with other workers than those that began it; Timing then tells of its beginning. */
    private boolean moved;

    /** Why the workers of this attempt were picked. */
    private String reasons = "";

    private int prefillLeg;
    private int blocks;
    private int promptTokens;
    private int completionTokens;
    /** When a worker said something last, or was given up because it had not. */
    private long lastProgressNanos;

    /**
     * A request that has not started.
     *
     * @param turn when it may go on
     * @param arrivedNanos {@link System#nanoTime} of its arrival
     * @param deadlineNanos {@link System#nanoTime} at which it must be over
     * @param onDone called once, in the serial executor, when the last event was written to the sink
     */
    RequestRun(
            Generation generation,
            Turn turn,
            CallInfo call,
            long arrivedNanos,
            long deadlineNanos,
            ClientSink sink,
            Executor serial,
            RunEnvironment env,
            Consumer<RequestRun> onDone) {
        this.generation = generation;
        this.model = generation.request().getModel();
        this.call = call;
        this.serial = serial;
        this.env = env;
        this.observer = env.observer().of(model);
        this.onDone = onDone;
        this.turn = turn;
        this.deadlineNanos = deadlineNanos;
        this.timeline = new Timeline(arrivedNanos);
        this.timers = new Timers(env.timers(), serial);
        this.sink = sink;
        this.client = new ClientQueue(sink, env.settings().client(), timers, this::giveUpClient);
        this.legs = new Legs(
                this, env, call, timers, turn, new Picks(generation, env.fleet(), env.scheduling(), this::picked));
    }

    /** The request's name. */
    public String name() {
        return generation.name();
    }

    /** Runs a task in the request's serial executor. */
    public void execute(Runnable task) {
        serial.execute(task);
    }

    /** Starts the request. */
    public void start() {
        execute(() -> {
            timers.after(Duration.ofNanos(Math.max(0, deadlineNanos - System.nanoTime())), this::deadlinePassed);
            lastProgressNanos = System.nanoTime();
            Duration noProgress = env.settings().noProgress();
            if (!noProgress.isZero()) {
                timers.after(noProgress, this::checkProgress);
            }
            stepping = true;
            try {
                perform(RequestState.queue(generation, env.settings().limits()));
                if (!turn.await(serial, () -> feed(new Event.TryAgain()), e -> feed(new Event.Abort(e)))) {
                    events.add(new Event.TryAgain());
                }
            } catch (RuntimeException e) {
                broken(e);
            } finally {
                stepping = false;
            }
            work(events.poll());
        });
    }

    /** Ends the request with an error, whatever it does now. */
    public void abort(BatonException error) {
        execute(() -> feed(new Event.Abort(error)));
    }

    /** The sink is ready again. Called in the serial executor. */
    public void clientReady() {
        client.drain();
        checkDone();
    }

    void legSaid(Leg<?, ?> leg, Event.OfLeg event) {
        if (!leg.counts()) {
            env.observer().stale();
            return;
        }
        lastProgressNanos = System.nanoTime();
        if (Blame.isProgress(event)) {
            leg.worker().succeeded();
        }
        note(event);
        feed(event);
    }

    void legClosed(Leg<?, ?> leg, @Nullable BatonException error) {
        if (error != null && leg.counts() && !leg.isGivenUp() && Blame.isOfWorker(error.code())) {
            leg.worker().failed();
        }
        if (legs.closed(leg)) {
            feed(error == null ? new Event.LegClosed(leg.number()) : failed(leg, error));
        }
    }

    private static Event.LegFailed failed(Leg<?, ?> leg, BatonException error) {
        return new Event.LegFailed(leg.number(), leg.address(), error);
    }

    /** Takes an event now; one that an action brings, after the action's own. */
    private void feed(Event event) {
        if (stepping) {
            events.add(event);
        } else {
            work(event);
        }
    }

    /** Takes the event and those that its actions bring, one at a time. */
    private void work(@Nullable Event first) {
        stepping = true;
        try {
            for (Event event = first; event != null; event = events.poll()) {
                take(event);
            }
        } catch (RuntimeException e) {
            broken(e);
        } finally {
            stepping = false;
        }
        checkDone();
    }

    private void take(Event event) {
        RequestState now = state;
        if (now == null || client.isFinished()) {
            return;
        }
        if (event instanceof Event.Abort(BatonException error)) {
            client.cut();
            if (now.phase() == Phase.ENDED) {
                client.fail(error);
            }
        } else if (event instanceof Event.LegFailed failed && !failed.worker().isEmpty()) {
            log(Logger.Level.INFO, failed.error());
        }
        perform(now.on(event));
    }

    private void perform(Step step) {
        RequestState old = state;
        Phase from = old == null ? null : old.phase();
        Phase to = step.next().phase();
        state = step.next();
        if (from != to) {
            observer.phase(from, to);
        }
        for (Action action : step.actions()) {
            perform(action);
        }
    }

    private void perform(Action action) {
        switch (action) {
            case Action.OpenPrefill open -> openPrefill(open);
            case Action.OpenDecode open -> openDecode(open);
            case Action.OpenTaker open -> openTaker(open);
            case Action.CountHandOver _ -> observer.handedOver();
            case Action.ToLeg message -> {
                noteSent(message);
                legs.perform(message);
            }
            case Action.TellStarted(var started) -> tell(new ClientEvent.Started(started));
            case Action.TellOutput(var output) -> tellOutput(output);
            case Action.TellFinished(Outcome outcome) -> finish(outcome);
            case Action.TellFailed(BatonException error) -> fail(error);
            case Action.AwaitWorkers(int waits) ->
                timers.after(env.settings().recoveryWait(waits), () -> feed(new Event.TryAgain()));
            case Action.AwaitPrefillDone _ ->
                timers.after(env.settings().settle(), () -> feed(new Event.SettleTimeout()));
        }
    }

    private void noteSent(Action.ToLeg message) {
        if (message instanceof Action.SendGo && !moved) {
            timeline.go = timeline.now();
        } else if (message instanceof Action.SendHandOver handOver) {
            timeline.decodeWorker = handOver.receiver();
        }
    }

    private void openPrefill(Action.OpenPrefill open) {
        if (open.leg() > 1) {
            observer.retried();
        }
        if (completionTokens > 0) {
            moved = true;
            observer.moved();
        } else {
            timeline.newAttempt();
        }
        prefillLeg = open.leg();
        Leg<?, ?> leg = legs.open(open);
        if (leg == null) {
            noWorker(open.leg(), env.scheduling().onDecode() ? "prefill or decode" : "prefill");
        } else {
            noteFirst(leg);
        }
    }

    private void noteFirst(Leg<?, ?> leg) {
        if (leg.worker().view().role() == WorkerRole.WORKER_ROLE_DECODE) {
            timeline.decodeWorker = leg.workerId();
        } else if (!moved) {
            timeline.prefillWorker = leg.workerId();
        }
    }

    private void picked(Pick pick) {
        observer.picked(pick);
        if (!moved) {
            boolean first = pick.prefill() != null || pick.local();
            reasons = first ? pick.reasons() : reasons + "; " + pick.reasons();
            sink.picked(reasons);
        }
    }

    private void openDecode(Action.OpenDecode open) {
        if (open.leg() > prefillLeg + 1) {
            observer.retried();
        }
        Leg<?, ?> leg = legs.open(open);
        if (leg == null) {
            noWorker(open.leg(), "decode");
        } else {
            timeline.decodeWorker = leg.workerId();
        }
    }

    private void openTaker(Action.OpenTaker open) {
        // From now on blocks land for the second time.
        moved = true;
        if (legs.open(open) == null) {
            noWorker(open.leg(), "decode");
        }
    }

    private void noWorker(int leg, String role) {
        feed(new Event.LegFailed(
                leg,
                "",
                new BatonException(
                        ErrorCode.NO_WORKER,
                        "no " + role + " worker for model '" + model
                                + "', with a compatible worker of the other role, takes work now; retry later")));
    }

    private void tell(ClientEvent event) {
        client.add(event);
    }

    private void giveUpClient(String why) {
        env.observer().slowClient();
        feed(new Event.Abort(new BatonException(
                ErrorCode.CLIENT_TOO_SLOW,
                "the client reads too slowly: " + why + "; read faster or ask for fewer tokens")));
    }

    private void tellOutput(TokenOutput output) {
        int tokens = output.getTokenIds().size() / Integer.BYTES;
        if (tokens > 0) {
            long now = timeline.at(lastProgressNanos);
            if (completionTokens == 0) {
                timeline.firstToken = now;
                observer.firstToken(now);
            } else {
                if (timeline.secondToken == 0) {
                    timeline.secondToken = now;
                }
                observer.nextTokens(now - timeline.lastOutput, tokens);
            }
            timeline.lastOutput = now;
            completionTokens += tokens;
        }
        tell(new ClientEvent.Output(output));
    }

    private void finish(Outcome outcome) {
        completionTokens = outcome.completion().getCompletionTokens();
        Timing timing = timeline.toTiming(outcome);
        summarise(
                "OK",
                outcome.completion().getReason() == FinishReason.FINISH_REASON_LENGTH ? "length" : "stop",
                timing);
        tell(new ClientEvent.Finished(GenerateFinished.newBuilder()
                .setCompletion(outcome.completion())
                .setUsage(Timeline.usage(outcome))
                .setTiming(timing)
                .build()));
    }

    private void fail(BatonException error) {
        summarise(error.code().name(), "abort", Timing.getDefaultInstance());
        log(Logger.Level.WARN, error);
        client.fail(error);
    }

    private void summarise(String status, String finishReason, Timing timing) {
        observer.ended(new RunObserver.Summary(
                status,
                finishReason,
                promptTokens,
                completionTokens,
                timeline.go + timing.getQueueUs(),
                timing.getPrefillUs(),
                timing.getDecodeUs(),
                timeline.now()));
    }

    /** Notes the time of an event of a leg that counts. */
    private void note(Event.OfLeg event) {
        if (moved) {
            return;
        }
        switch (event) {
            case Event.Accepted(var _, var message) -> accepted(message);
            case Event.AcceptedLocally(var _, var message) -> {
                accepted(message);
                timeline.go = timeline.now();
                timeline.reserved = timeline.go;
            }
            case Event.Reserved(var _, var message) -> {
                timeline.reserved = timeline.now();
                timeline.decodeWorker = message.getWorkerId();
            }
            case Event.BlocksLanded(var _, var message) -> timeline.blocksLanded(message.getLandedBlocks(), blocks);
            case Event.PrefillDone _ -> timeline.prefillFinished = timeline.now();
            default -> {
                // Tokens are noted when they are sent on; the rest has no place in Timing.
            }
        }
    }

    private void accepted(PrefillAccepted message) {
        timeline.tokenize = message.getTokenizeUs();
        promptTokens = message.getPromptTokens();
        blocks = message.getBlockSize() < 1 ? 0 : Math.ceilDiv(promptTokens, message.getBlockSize());
    }

    private void deadlinePassed() {
        feed(new Event.Abort(new BatonException(
                ErrorCode.DEADLINE_EXCEEDED,
                "the request was not over within its deadline; ask for fewer tokens or allow more time")));
    }

    private void checkProgress() {
        RequestState now = state;
        if (now == null || now.phase() == Phase.ENDED) {
            return;
        }
        Duration limit = env.settings().noProgress();
        long left = limit.toNanos() - (System.nanoTime() - lastProgressNanos);
        timers.after(left > 0 ? Duration.ofNanos(left) : limit, this::checkProgress);
        Leg<?, ?> awaited = legs.get(now.awaitedLeg());
        if (left <= 0 && awaited != null) {
            lastProgressNanos = System.nanoTime();
            awaited.worker().failed();
            legs.drop(awaited);
            feed(failed(
                    awaited,
                    new BatonException(
                            ErrorCode.WORKER_LOST,
                            "worker " + awaited.address() + " made no progress for " + limit.toMillis()
                                    + " ms; send the request again")));
        }
    }

    /** A bug here must not leave a client waiting or a worker holding cells. */
    private void broken(RuntimeException e) {
        LOG.errorf(e, "request %s failed inside the router", generation.name());
        events.clear();
        legs.dropAll();
        RequestState now = state;
        if (now != null && now.phase() != Phase.ENDED) {
            observer.phase(now.phase(), Phase.ENDED);
            summarise(ErrorCode.INTERNAL.name(), "abort", Timing.getDefaultInstance());
        }
        state = null;
        client.cut();
        client.fail(new BatonException(ErrorCode.INTERNAL, "internal error; see the log of the router", e));
    }

    private void checkDone() {
        if (!done && client.isFinished()) {
            done = true;
            timers.cancelAllButLegs();
            turn.over((long) promptTokens + completionTokens);
            onDone.accept(this);
        }
    }

    /** Logs a failure of the serving side; what a client did wrong, and overload, are only for debugging. */
    private void log(Logger.Level serving, BatonException error) {
        Logger.Level level = error.code().http() >= 500 ? serving : Logger.Level.DEBUG;
        if (LOG.isEnabled(level)) {
            MDC.put("request", call.requestId());
            try {
                // What should not happen can only be mended by who sees where it came from.
                Throwable cause = error.code() == ErrorCode.INTERNAL ? error : null;
                LOG.logf(level, cause, "%s: %s", error.code(), error.getMessage());
            } finally {
                MDC.remove("request");
            }
        }
    }
}
