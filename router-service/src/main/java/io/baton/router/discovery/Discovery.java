package io.baton.router.discovery;

import io.baton.router.config.RouterConfig;
import io.baton.router.fleet.Fleet;
import io.baton.router.fleet.WorkerView;
import io.baton.worker.v1.WorkerRole;
import io.netty.channel.EventLoopGroup;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the fleet at what DNS says: looks every dns:/// entry of the settings up, waits, and does it again.
 *
 * <p>What a lookup means depends on who said it. Addresses replace the ones before. A server's answer that the name does not
 * exist, or has no address, is what a headless Service without ready pods gives, so it empties the set. No answer, a refusal or
 * a truncated answer says nothing about the workers, so the last known set stays; whether each of them is well, its Watch
 * stream tells anyway.
 *
 * <p><em>Thread-safety:</em> safe; started and closed once. A virtual thread per name, so that a slow name delays no other.
 */
public final class Discovery implements AutoCloseable {
    private static final Logger LOG = Logger.getLogger(Discovery.class);

    private final Fleet fleet;
    private final Duration refresh;
    private final int maxWorkers;
    private final List<Source> sources = new ArrayList<>();
    private final List<Thread> threads = new ArrayList<>();
    private final Map<Source, String> status = new ConcurrentHashMap<>();
    private final @Nullable DnsClient client;

    /** A name and what its addresses are. */
    private record Source(WorkerNames.Name name, WorkerRole role) {
        @Override
        public String toString() {
            return WorkerView.name(role) + " " + name;
        }
    }

    /**
     * Prepares the lookups; {@link #start} begins them.
     *
     * @param group event loops of the sockets; stays the caller's
     * @throws IllegalArgumentException if a setting makes no sense
     */
    public Discovery(
            Fleet fleet,
            List<WorkerNames.Name> prefill,
            List<WorkerNames.Name> decode,
            RouterConfig.Dns settings,
            EventLoopGroup group) {
        this.fleet = fleet;
        this.refresh = settings.refresh();
        this.maxWorkers = settings.maxWorkers();
        check(refresh.isPositive(), "baton.router.dns.refresh", refresh, "must be longer than zero");
        check(
                settings.timeout().isPositive(),
                "baton.router.dns.timeout",
                settings.timeout(),
                "must be longer than zero");
        check(maxWorkers >= 1, "baton.router.dns.max-workers", maxWorkers, "must be at least 1");
        prefill.forEach(name -> sources.add(new Source(name, WorkerRole.WORKER_ROLE_PREFILL)));
        decode.forEach(name -> sources.add(new Source(name, WorkerRole.WORKER_ROLE_DECODE)));
        this.client = sources.isEmpty()
                ? null
                : new DnsClient(
                        ResolvConf.read(ResolvConf.SYSTEM),
                        settings.servers().orElse(List.of()),
                        settings.timeout(),
                        group.next());
        sources.forEach(source -> status.put(source, "not looked up yet"));
    }

    private static void check(boolean holds, String name, Object value, String rule) {
        if (!holds) {
            throw new IllegalArgumentException(name + "=" + value + " " + rule);
        }
    }

    /** Begins the lookups. */
    public void start() {
        DnsClient dns = client;
        if (dns == null) {
            return;
        }
        for (Source source : sources) {
            threads.add(Thread.ofVirtual().name("baton-dns-" + source).start(() -> run(dns, source)));
        }
    }

    private void run(DnsClient dns, Source source) {
        String last = "";
        try {
            while (!Thread.currentThread().isInterrupted()) {
                Lookup answer = lookup(dns, source);
                String now = apply(source, answer);
                status.put(source, now);
                if (!now.equals(last)) {
                    LOG.logf(
                            answer instanceof Lookup.Failed ? Logger.Level.WARN : Logger.Level.INFO,
                            "%s: %s",
                            source,
                            now);
                    last = now;
                }
                Thread.sleep(refresh);
            }
        } catch (InterruptedException e) {
            LOG.debugf(e, "the lookups of %s end", source);
        }
    }

    private static Lookup lookup(DnsClient dns, Source source) throws InterruptedException {
        try {
            return dns.lookup(source.name().host());
        } catch (RuntimeException e) {
            // Whatever it is, the next lookup may do better; a thread that died of it would never look again.
            LOG.warnf(e, "%s cannot be looked up", source);
            return new Lookup.Failed(e.toString());
        }
    }

    /** Tells the fleet; returns what happened, as part of a sentence. */
    private String apply(Source source, Lookup answer) {
        return switch (answer) {
            case Lookup.Found(var hosts) -> {
                Set<String> addresses = hosts.stream()
                        .limit(maxWorkers)
                        .map(host -> host + ":" + source.name().port())
                        .collect(Collectors.toSet());
                fleet.update(source.toString(), source.role(), addresses);
                yield hosts.size() <= maxWorkers
                        ? "addresses " + String.join(", ", hosts)
                        : "the first " + maxWorkers + " of " + hosts.size()
                                + " addresses are used, as many as baton.router.dns.max-workers allows";
            }
            case Lookup.Absent(String why) -> {
                fleet.update(source.toString(), source.role(), Set.of());
                yield "no workers: " + why;
            }
            case Lookup.Failed(String why) -> "the lookup failed, the last known workers stay: " + why;
        };
    }

    /** How the last lookup of each name ended, by role and name. */
    public Map<String, String> status() {
        Map<String, String> all = new LinkedHashMap<>();
        sources.forEach(source -> all.put(source.toString(), status.getOrDefault(source, "")));
        return all;
    }

    /** Ends the lookups; the fleet keeps its workers. */
    @Override
    public void close() {
        threads.forEach(Thread::interrupt);
        DnsClient dns = client;
        if (dns != null) {
            dns.close();
        }
    }
}
