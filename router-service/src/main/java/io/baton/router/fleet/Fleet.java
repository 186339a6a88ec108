package io.baton.router.fleet;

import io.baton.inference.v1.Model;
import io.baton.router.config.Disaggregation;
import io.baton.router.config.RouterConfig;
import io.baton.tls.ServiceRole;
import io.baton.tls.ServiceTls;
import io.baton.worker.v1.WatchResponse;
import io.baton.worker.v1.WorkerRole;
import io.grpc.ManagedChannel;
import io.grpc.netty.InternalNettyChannelBuilder;
import io.grpc.netty.InternalProtocolNegotiator.ProtocolNegotiator;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantLock;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * All workers: those that the settings name, and those that a source such as DNS tells of and takes back.
 *
 * <p>A worker that is taken back gets no new legs; those that it carries go on, and its connection is closed after the last.
 *
 * <p><em>Thread-safety:</em> safe. Readers see one immutable map; changes of it exclude each other.
 */
public final class Fleet implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger(Fleet.class);

    private final RouterConfig.Workers settings;
    private final Disaggregation disaggregation;
    private final EventLoopGroup group;
    private final ServiceTls tls;
    private final Map<String, WorkerRole> fixed = new LinkedHashMap<>();
    private final List<Runnable> listeners = new CopyOnWriteArrayList<>();
    private final List<Worker.Reports> reports = new CopyOnWriteArrayList<>();
    private final Set<Worker> retired = ConcurrentHashMap.newKeySet();
    private volatile Map<String, Worker> workers = Map.of();
    /** The same in order; another list after every change. */
    private volatile List<Worker> ordered = List.of();

    private final ReentrantLock suspensions = new ReentrantLock();

    private final ReentrantLock lock = new ReentrantLock();
    // Guarded by the lock.
    private final Map<String, Told> sources = new LinkedHashMap<>();
    private final List<Members> members = new ArrayList<>();
    private boolean started;
    private boolean closed;

    /** Hears of workers that come and go. Called one at a time; must not block. */
    public interface Members {
        /** A worker is in the fleet now. */
        void joined(Worker worker);

        /** A worker is no longer in the fleet. */
        void left(Worker worker);
    }

    /** What a source told last. */
    private record Told(WorkerRole role, Set<String> addresses) {}

    /**
     * Prepares the workers that are always there; {@link #start} connects them.
     *
     * @param prefill host:port of prefill workers
     * @param decode host:port of decode workers
     * @param group event loops of the connections, also used for timers; stays the caller's
     * @param tls how connections to the workers begin; stays the caller's
     * @throws IllegalArgumentException if an address is none, or is named twice
     */
    public Fleet(
            List<String> prefill,
            List<String> decode,
            RouterConfig.Workers settings,
            Disaggregation disaggregation,
            EventLoopGroup group,
            ServiceTls tls) {
        this.settings = settings;
        this.disaggregation = disaggregation;
        this.group = group;
        this.tls = tls;
        prefill.forEach(address -> fix(address, WorkerRole.WORKER_ROLE_PREFILL));
        decode.forEach(address -> fix(address, WorkerRole.WORKER_ROLE_DECODE));
        lock.lock();
        try {
            reconcile();
        } finally {
            lock.unlock();
        }
    }

    private void fix(String address, WorkerRole role) {
        HostPort.parse(address);
        if (fixed.putIfAbsent(address, role) != null) {
            throw new IllegalArgumentException("worker " + address + " is listed twice in baton.router.prefill-workers "
                    + "and baton.router.decode-workers; name it once");
        }
    }

    private Worker create(String address, WorkerRole role) {
        HostPort target = HostPort.parse(address);
        NettyChannelBuilder builder = NettyChannelBuilder.forAddress(target.host(), target.port());
        ProtocolNegotiator negotiator =
                tls.client(Set.of(role == WorkerRole.WORKER_ROLE_PREFILL ? ServiceRole.PREFILL : ServiceRole.DECODE));
        InternalNettyChannelBuilder.setProtocolNegotiatorFactory(builder, () -> negotiator);
        ManagedChannel channel = builder.eventLoopGroup(group)
                .channelType(NioSocketChannel.class)
                .directExecutor()
                .disableRetry()
                .flowControlWindow(Math.toIntExact(settings.flowControlWindow().asLongValue()))
                .maxInboundMessageSize(Math.toIntExact(settings.maxMessage().asLongValue()))
                .build();
        return new Worker(address, role, channel, settings, group, this::intern, this::heard, this::changed);
    }

    /** Connects to every worker, and from now on to each that comes. */
    public void start() {
        lock.lock();
        try {
            started = true;
            workers.values().forEach(Worker::start);
        } finally {
            lock.unlock();
        }
    }

    /**
     * Replaces what a source told of before.
     *
     * @param source name of the source
     * @param role role of its workers
     * @param addresses host:port of every worker that it tells of now
     */
    public void update(String source, WorkerRole role, Set<String> addresses) {
        lock.lock();
        try {
            if (closed) {
                return;
            }
            sources.put(source, new Told(role, Set.copyOf(addresses)));
            if (!reconcile()) {
                return;
            }
        } finally {
            lock.unlock();
        }
        changed();
    }

    /** Makes the workers those that are wanted; says whether any came or went. Called with the lock held. */
    private boolean reconcile() {
        Map<String, WorkerRole> wanted = new LinkedHashMap<>(fixed);
        sources.forEach((source, told) -> {
            for (String address : new TreeSet<>(told.addresses())) {
                WorkerRole other = wanted.putIfAbsent(address, told.role());
                if (other != null && other != told.role()) {
                    LOG.warnf(
                            "%s names %s as %s worker, but it is listed as %s worker already and stays one",
                            source, address, WorkerView.name(told.role()), WorkerView.name(other));
                }
            }
        });
        Map<String, Worker> old = workers;
        Map<String, Worker> next = new LinkedHashMap<>();
        List<Worker> joined = new ArrayList<>();
        wanted.forEach((address, role) -> {
            Worker worker = old.get(address);
            if (worker == null || worker.role() != role) {
                worker = create(address, role);
                joined.add(worker);
            }
            next.put(address, worker);
        });
        List<Worker> left = old.values().stream()
                .filter(worker -> next.get(worker.address()) != worker)
                .toList();
        workers = Collections.unmodifiableMap(next);
        ordered = List.copyOf(next.values());
        for (Worker worker : left) {
            members.forEach(m -> m.left(worker));
            retired.add(worker);
            worker.retire(() -> retired.remove(worker));
        }
        for (Worker worker : joined) {
            members.forEach(m -> m.joined(worker));
            if (started) {
                worker.start();
            }
        }
        return !left.isEmpty() || !joined.isEmpty();
    }

    /** Tells of every worker that is there, and then of each that comes or goes. */
    public void onMembers(Members listener) {
        lock.lock();
        try {
            members.add(listener);
            workers.values().forEach(listener::joined);
        } finally {
            lock.unlock();
        }
    }

    /** Calls back after a worker's health changed or a worker came or went; often on an event loop, so it must not block. */
    public void onChange(Runnable listener) {
        listeners.add(listener);
    }

    /** Tells of every report of every worker from now on. */
    public void onReport(Worker.Reports listener) {
        reports.add(listener);
    }

    private boolean heard(Worker worker, WatchResponse report) {
        boolean complete = true;
        for (Worker.Reports listener : reports) {
            complete &= listener.heard(worker, report);
        }
        return complete;
    }

    private void changed() {
        reconsider();
        listeners.forEach(Runnable::run);
    }

    /**
     * Gives no work to workers whose breakers are open; but if nobody else could do what one does, it is better tried than
     * every request refused.
     */
    private void reconsider() {
        // One at a time, so that the last one has seen the last change.
        suspensions.lock();
        try {
            Collection<Worker> all = workers.values();
            for (Worker worker : all) {
                worker.suspend(!worker.takesWork() && all.stream().anyMatch(other -> couldReplace(other, worker)));
            }
        } finally {
            suspensions.unlock();
        }
    }

    private boolean couldReplace(Worker other, Worker worker) {
        return !other.equals(worker)
                && (other.role() == worker.role() || couldDoItself(other, worker))
                && other.told().healthy()
                && other.takesWork()
                && Objects.equals(other.told().kind(), worker.told().kind());
    }

    /** Whether the one is a decode worker that may compute what the other is there for. */
    private boolean couldDoItself(Worker decode, Worker prefill) {
        return disaggregation == Disaggregation.AUTO
                && prefill.role() == WorkerRole.WORKER_ROLE_PREFILL
                && decode.told().computesPrompts();
    }

    /** The same kind that another worker has, if one has, so that comparisons are by reference. */
    private KvKind intern(KvKind kind) {
        for (Worker worker : workers.values()) {
            KvKind other = worker.view().kind();
            if (other != null && other.equals(kind)) {
                return other;
            }
        }
        return kind;
    }

    /** What is known about every worker now. */
    public List<WorkerView> views() {
        Map<String, Worker> now = workers;
        List<WorkerView> views = new ArrayList<>(now.size());
        for (Worker worker : now.values()) {
            views.add(worker.view());
        }
        return views;
    }

    /** Every worker, in the order of the settings. The same list as long as none comes or goes. */
    public List<Worker> workers() {
        return ordered;
    }

    /** The worker of an address; null if there is none. */
    public @Nullable Worker worker(String address) {
        return workers.get(address);
    }

    /** The models that workers of the fleet have told, whether or not they take work now, by name. */
    public List<Model> models() {
        Map<String, ModelSummary> byName = new TreeMap<>();
        for (WorkerView view : views()) {
            WatchResponse last = view.last();
            if (last != null && !view.model().isEmpty()) {
                byName.computeIfAbsent(view.model(), ModelSummary::new).add(view, last);
            }
        }
        return byName.values().stream().map(ModelSummary::toModel).toList();
    }

    /**
     * Whether some model has a prefill and a decode worker that take work and can exchange blocks, or a decode worker that takes
     * work and may compute prompts itself.
     */
    public boolean canServe() {
        return canServe(views());
    }

    /** The models that can be served now, by name. */
    public List<Model> servedModels() {
        List<WorkerView> views = views();
        return models().stream()
                .filter(m -> canServe(
                        views.stream().filter(v -> v.model().equals(m.getId())).toList()))
                .toList();
    }

    private boolean canServe(List<WorkerView> views) {
        if (disaggregation != Disaggregation.ALWAYS
                && views.stream().anyMatch(v -> v.healthy() && v.computesPrompts())) {
            return true;
        }
        return disaggregation != Disaggregation.NEVER && hasPair(views);
    }

    private static boolean hasPair(List<WorkerView> views) {
        for (WorkerView prefill : views) {
            if (prefill.healthy() && prefill.role() == WorkerRole.WORKER_ROLE_PREFILL) {
                for (WorkerView decode : views) {
                    if (decode.healthy()
                            && decode.role() == WorkerRole.WORKER_ROLE_DECODE
                            && Objects.equals(decode.kind(), prefill.kind())) {
                        return true;
                    }
                }
            }
        }
        return false;
    }

    @Override
    public void close() {
        lock.lock();
        try {
            closed = true;
            workers.values().forEach(Worker::close);
            retired.forEach(Worker::close);
        } finally {
            lock.unlock();
        }
    }

    /** What the workers of one model tell together. */
    private static final class ModelSummary {
        private final String name;
        private int prefill;
        private int decode;
        private int prefillTokens;
        private int decodeTokens;
        private long created = Long.MAX_VALUE;

        ModelSummary(String name) {
            this.name = name;
        }

        void add(WorkerView view, WatchResponse last) {
            int tokens = last.getCapacity().getMaxRequestTokens();
            created = Math.min(created, last.getIdentity().getStartedAt());
            if (view.role() == WorkerRole.WORKER_ROLE_PREFILL) {
                prefillTokens = Math.max(prefillTokens, tokens);
                prefill += view.healthy() ? 1 : 0;
            } else {
                decodeTokens = Math.max(decodeTokens, tokens);
                decode += view.healthy() ? 1 : 0;
            }
        }

        Model toModel() {
            int context = prefillTokens == 0 || decodeTokens == 0
                    ? Math.max(prefillTokens, decodeTokens)
                    : Math.min(prefillTokens, decodeTokens);
            return Model.newBuilder()
                    .setId(name)
                    .setContextLength(context)
                    .setPrefillWorkers(prefill)
                    .setDecodeWorkers(decode)
                    .setCreated(created)
                    .build();
        }
    }
}
