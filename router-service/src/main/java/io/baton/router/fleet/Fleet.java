package io.baton.router.fleet;

import io.baton.inference.v1.Model;
import io.baton.router.config.RouterConfig;
import io.baton.worker.v1.WatchResponse;
import io.baton.worker.v1.WorkerRole;
import io.grpc.ManagedChannel;
import io.grpc.netty.NettyChannelBuilder;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.socket.nio.NioSocketChannel;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/**
 * All workers of the settings.
 *
 * <p><em>Thread-safety:</em> safe. The list is fixed; each worker's view changes on its own.
 */
public final class Fleet implements AutoCloseable {
    private final Map<String, Worker> workers = new LinkedHashMap<>();
    private final List<Runnable> listeners = new CopyOnWriteArrayList<>();

    /**
     * Prepares the workers; {@link #start} connects them.
     *
     * @param group event loops of the connections, also used for timers; stays the caller's
     */
    public Fleet(List<String> prefill, List<String> decode, RouterConfig.Workers settings, EventLoopGroup group) {
        for (String address : prefill) {
            add(address, WorkerRole.WORKER_ROLE_PREFILL, settings, group);
        }
        for (String address : decode) {
            add(address, WorkerRole.WORKER_ROLE_DECODE, settings, group);
        }
    }

    private void add(String address, WorkerRole role, RouterConfig.Workers settings, EventLoopGroup group) {
        HostPort target = HostPort.parse(address);
        ManagedChannel channel = NettyChannelBuilder.forAddress(target.host(), target.port())
                .usePlaintext()
                .eventLoopGroup(group)
                .channelType(NioSocketChannel.class)
                .directExecutor()
                .disableRetry()
                .flowControlWindow(Math.toIntExact(settings.flowControlWindow().asLongValue()))
                .maxInboundMessageSize(Math.toIntExact(settings.maxMessage().asLongValue()))
                .build();
        Worker worker = new Worker(address, role, channel, settings, group, this::intern, this::changed);
        if (workers.putIfAbsent(address, worker) != null) {
            channel.shutdownNow();
            throw new IllegalArgumentException("worker " + address + " is listed twice in baton.router.prefill-workers "
                    + "and baton.router.decode-workers; name it once");
        }
    }

    /** Connects to every worker. */
    public void start() {
        workers.values().forEach(Worker::start);
    }

    /** Calls back after the health of a worker changed; on the worker's event loop, so it must not block. */
    public void onChange(Runnable listener) {
        listeners.add(listener);
    }

    private void changed() {
        listeners.forEach(Runnable::run);
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
        List<WorkerView> views = new ArrayList<>(workers.size());
        for (Worker worker : workers.values()) {
            views.add(worker.view());
        }
        return views;
    }

    /** All workers. */
    public Iterable<Worker> workers() {
        return workers.values();
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

    /** Whether some model has a prefill and a decode worker that take work and can exchange blocks. */
    public boolean canServe() {
        List<WorkerView> views = views();
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
        workers.values().forEach(Worker::close);
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
