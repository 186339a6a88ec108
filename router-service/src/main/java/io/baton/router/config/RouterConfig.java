package io.baton.router.config;

import io.baton.router.admission.Priority;
import io.quarkus.runtime.configuration.MemorySize;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** The settings of the router. */
@ConfigMapping(prefix = "baton.router")
public interface RouterConfig {
    /** Prefill workers: host:port, or dns:///name:port for all addresses of a DNS name. */
    Optional<List<String>> prefillWorkers();

    /** Decode workers: host:port, or dns:///name:port for all addresses of a DNS name. */
    Optional<List<String>> decodeWorkers();

    /** File with the API keys of clients, a line {@code tenant: key} each; without it the API is open to whoever reaches it. */
    Optional<String> apiKeys();

    /** How often the file of API keys is looked at for a change. */
    @WithDefault("5s")
    Duration apiKeysReload();

    /** Most API keys; a file with more is refused. */
    @WithDefault("1024")
    int apiKeysMax();

    /** Longest life of a request, from its arrival. A shorter deadline of a gRPC client counts. */
    @WithDefault("10m")
    Duration requestTimeout();

    /** How many more legs a request may open after its first ones; refusals by draining workers are not counted. */
    @WithDefault("6")
    int retryBudget();

    /** How often a stream that lost its workers waits for others before it fails; with the waits below some ten seconds. */
    @WithDefault("14")
    int recoveryWaits();

    /** First such wait; doubles from there (before a failed hand-over is tried again: quadruples), each jittered by half. */
    @WithDefault("100ms")
    Duration recoveryWaitMin();

    /** Longest such wait. */
    @WithDefault("1s")
    Duration recoveryWaitMax();

    /** Most output tokens for which cells are reserved on decode; a longer generation ends there, with reason length. */
    @WithDefault("8192")
    int reserveCap();

    /** Most tokens to generate where the client sets none (the completions API has a default of its own: 16). */
    @WithDefault("8192")
    int defaultMaxTokens();

    /** Most generations that run at once; a request with n choices counts n times. Further ones wait for admission. */
    @WithDefault("2048")
    int maxRequests();

    /** Most outputs of a generation that wait for a client that reads slowly; with more it is cut: CLIENT_TOO_SLOW. */
    @WithDefault("1024")
    int clientBuffer();

    /** Most bytes of a generation that wait for a client that reads slowly; with more it is cut: CLIENT_TOO_SLOW. */
    @WithDefault("4M")
    MemorySize clientBufferBytes();

    /** How long a client may take nothing of what waits for it before it is cut: CLIENT_TOO_SLOW. */
    @WithDefault("30s")
    Duration clientStallTimeout();

    /** How long a worker may say nothing on a leg that waits for it before the leg counts as lost; 0 never. */
    @WithDefault("0s")
    Duration noProgressTimeout();

    /** How long a complete generation waits for prefill's closing report. */
    @WithDefault("1s")
    Duration settleTimeout();

    /** How long a worker may take to close a leg that was ended, before the call is cancelled. */
    @WithDefault("5s")
    Duration legCloseTimeout();

    /** How long running requests may take to finish after SIGTERM. */
    @WithDefault("30s")
    Duration shutdownGrace();

    /** What Retry-After says with 429 and 503 where nothing better is known; whole seconds, at least 1. */
    @WithDefault("1s")
    Duration retryAfter();

    /** By what workers are chosen: round-robin, least-loaded, prefix, or auto (expected time to the request's end). */
    @WithDefault("auto")
    SchedulingPolicy policy();

    /** What scheduling aims at and assumes. */
    Schedule schedule();

    /** Which requests go on, and which wait. */
    Admission admission();

    /** What is known of the workers' prefix caches. */
    Prefix prefix();

    /** The connections to the workers. */
    Workers workers();

    /** How DNS names of workers are looked up. */
    Dns dns();

    /** The HTTP API. */
    Http http();

    /** The gRPC API. */
    Grpc grpc();

    /** Which requests go on, and which wait. */
    interface Admission {
        /** Requests of one class that may wait; further ones displace those of tenants that have more, or QUEUE_FULL, 429. */
        @WithDefault("1024")
        int maxQueued();

        /** Bytes of the requests of one class that may wait; beyond it likewise. */
        @WithDefault("64M")
        MemorySize maxQueuedBytes();

        /** Longest wait of a request; what would wait for longer is refused at once: QUEUE_FULL, 429. */
        @WithDefault("2m")
        Duration maxWait();

        /** Time for the first token of requests without {@code baton-ttft-timeout}; 0 for any. Beyond it: TTFT_DEADLINE, 429. */
        @WithDefault("0s")
        Duration ttftDeadline();

        /** Part of the admitted tokens that a class gets at least while it waits, 0 to 0.4. */
        @WithDefault("0.05")
        double leastShare();

        /** Tokens that a waiting tenant of weight 1 gets in each round. */
        @WithDefault("2048")
        int quantum();

        /** Prefill workers that are busy for longer get no more prompts, which wait at the router instead. */
        @WithDefault("250ms")
        Duration maxBacklog();

        /** Prompts that a prefill worker gets however long they take. */
        @WithDefault("2")
        int promptsPerWorker();

        /** Legs that may wait at a prefill worker; below its baton.worker.max-waiting. */
        @WithDefault("192")
        int maxWaiting();

        /** Part of the prefill workers kept for tenants that lately had less than their share, 0 to below 1; rounded down. */
        @WithDefault("0.25")
        double reserve();

        /** What every tenant may do that is not named under tenants. */
        Tenant tenant();

        /** What single tenants may do, by name: {@code tenants."acme".weight=4}; what is not set is as for all. */
        Map<String, OneTenant> tenants();

        /** What every tenant may do. */
        interface Tenant {
            /** Its share among the tenants that wait, 1 to 1000000. */
            @WithDefault("1")
            int weight();

            /** Requests of one tenant that run at once; further ones wait; 0 for any number. */
            @WithDefault("0")
            int maxRunning();

            /** Requests per second of one tenant; beyond it: RATE_LIMITED, 429; 0 for any. */
            @WithDefault("0")
            double requestsPerSecond();

            /** Tokens of prompt and max_tokens per second of one tenant; beyond it: RATE_LIMITED, 429; 0 for any. */
            @WithDefault("0")
            double tokensPerSecond();

            /** How many seconds' worth of both rates may come at once. */
            @WithDefault("10s")
            Duration burst();

            /** First class that a tenant may have; its requests that ask for an earlier one are of this. */
            @WithDefault("high")
            Priority highestPriority();
        }

        /** What one tenant may do. */
        interface OneTenant {
            /** As in {@link Tenant}. */
            Optional<Integer> weight();

            /** As in {@link Tenant}. */
            Optional<Integer> maxRunning();

            /** As in {@link Tenant}. */
            Optional<Double> requestsPerSecond();

            /** As in {@link Tenant}. */
            Optional<Double> tokensPerSecond();

            /** As in {@link Tenant}. */
            Optional<Duration> burst();

            /** As in {@link Tenant}. */
            Optional<Priority> highestPriority();
        }
    }

    /** What is known of the workers' prefix caches. */
    interface Prefix {
        /** File with the secret of the names of prompts' pieces, at least 16 bytes, the same for all routers; without one they are not secret. */
        Optional<String> secretFile();

        /** Pieces (1 KiB) of all prompts of which is known who has them; further ones are not learned. */
        @WithDefault("1048576")
        int maxPieces();

        /** Pieces of one prompt that are named; 0 leaves prefix caches out of account. */
        @WithDefault("4096")
        int maxRequestPieces();
    }

    /** What scheduling aims at and assumes. */
    interface Schedule {
        /** Time to first token that policy auto aims at. */
        @WithDefault("2s")
        Duration ttftTarget();

        /** Mean time between tokens that policy auto aims at. */
        @WithDefault("100ms")
        Duration itlTarget();

        /** Tokens that a request is expected to generate, if it may. */
        @WithDefault("256")
        int expectedOutput();

        /** Whether prompts are computed by prefill workers: always, never (decode computes them itself), or auto. */
        @WithDefault("auto")
        Disaggregation disaggregation();

        /** Time that a hand-over costs beside the transfer, as auto reckons it. */
        @WithDefault("5ms")
        Duration handOverTime();

        /** Most uncached prompt tokens that decode computes itself by auto while prefill is expected to keep ttft-target. */
        @WithDefault("512")
        int localTokens();
    }

    /** The connections to the workers. */
    interface Workers {
        /** A worker whose Watch stream is silent for so long gets no new requests. */
        @WithDefault("2s")
        Duration watchTimeout();

        /** A worker whose Watch stream is silent for so long is lost, and its legs with it; at least watch-timeout. */
        @WithDefault("2s")
        Duration lostTimeout();

        /** Wait before the first reconnection; doubles from there, each wait jittered by half. */
        @WithDefault("100ms")
        Duration reconnectMin();

        /** Longest wait before a reconnection. */
        @WithDefault("5s")
        Duration reconnectMax();

        /** A worker whose engine has been in one step for so long hangs, and its legs are lost; whole seconds, 0 never. */
        @WithDefault("2m")
        Duration stepTimeout();

        /** How many legs of a worker must fail one after the other before it gets no new work for a time; 0 never. */
        @WithDefault("5")
        int breakerFailures();

        /** How long that is the first time; doubles each further time, each jittered by half. Then one leg is tried. */
        @WithDefault("1s")
        Duration breakerOpenMin();

        /** Longest such time. */
        @WithDefault("30s")
        Duration breakerOpenMax();

        /** HTTP/2 flow-control window of a connection. */
        @WithDefault("1M")
        MemorySize flowControlWindow();

        /** Largest message from a worker; token ids of a prompt take 4 bytes each. */
        @WithDefault("16M")
        MemorySize maxMessage();
    }

    /** How DNS names of workers are looked up. */
    interface Dns {
        /** Wait between two lookups of a name; longer than zero. */
        @WithDefault("2s")
        Duration refresh();

        /** How long a DNS server may take to answer; then the next one is asked. */
        @WithDefault("1s")
        Duration timeout();

        /** DNS servers, IP address or address:port, asked in this order; those of /etc/resolv.conf unless set. */
        Optional<List<String>> servers();

        /** Most workers taken from one name; further addresses are left out, with a warning. */
        @WithDefault("1024")
        int maxWorkers();
    }

    /** The HTTP API. */
    interface Http {
        /** Largest body; beyond it 413. */
        @WithDefault("8M")
        MemorySize maxBody();

        /** How much of a body that is too large is read and thrown away, so that the client sees the answer. */
        @WithDefault("256M")
        MemorySize maxDiscardedBody();

        /** How long a client may take to send its body; beyond it 408. */
        @WithDefault("60s")
        Duration bodyTimeout();

        /** Silence on an event stream after which a comment line is sent. */
        @WithDefault("5s")
        Duration keepAlive();

        /** Most choices of one request: prompts × n. */
        @WithDefault("32")
        int maxChoices();
    }

    /** The gRPC API. */
    interface Grpc {
        /** Largest message from a client; beyond it REQUEST_TOO_LARGE. */
        @WithDefault("8M")
        MemorySize maxMessage();

        /** Largest header block from a client. */
        @WithDefault("16K")
        MemorySize maxMetadata();

        /** Most connections; one too many is closed. */
        @WithDefault("4096")
        int maxConnections();

        /** Most calls that one connection may have open; a client waits with further ones. */
        @WithDefault("1024")
        int maxCallsPerConnection();

        /** Silence of a connection after which the router asks whether the client is still there. */
        @WithDefault("30s")
        Duration keepAliveTime();

        /** How long a client may take to answer that, before its connection is closed. */
        @WithDefault("20s")
        Duration keepAliveTimeout();

        /** HTTP/2 flow-control window of a connection. */
        @WithDefault("1M")
        MemorySize flowControlWindow();
    }
}
