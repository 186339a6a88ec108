package io.baton.cli.launch;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.UnknownHostException;
import java.util.List;
import java.util.OptionalLong;
import java.util.random.RandomGenerator;

/**
 * The ports of a fleet: the router's HTTP port P, its gRPC port P+1, and from P+10 an HTTP and a gRPC port per worker.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class Ports {
    /** Distance of the first worker's HTTP port from the router's. */
    static final int WORKERS = 10;

    private static final int HIGHEST = 65_535;
    /** Below the range from which Linux takes ports of outgoing connections, so that none is taken between look and use. */
    private static final int FREE_FROM = 20_000;

    private static final int FREE_TO = 32_000;
    private static final int FREE_TRIES = 200;

    private Ports() {}

    static int workerHttp(int base, int worker) {
        return base + WORKERS + 2 * worker;
    }

    static int workerGrpc(int base, int worker) {
        return workerHttp(base, worker) + 1;
    }

    /** All ports of a fleet. */
    static List<Integer> all(int base, int workers) {
        return java.util.stream.IntStream.concat(
                        java.util.stream.IntStream.of(base, base + 1),
                        java.util.stream.IntStream.range(base + WORKERS, base + WORKERS + 2 * workers))
                .boxed()
                .toList();
    }

    /**
     * Checks that every port of a fleet is free.
     *
     * @throws LaunchException naming the first port that is taken and, if it can be seen, by whom
     */
    static void check(String host, int base, int workers) {
        if (base < 1 || workerGrpc(base, workers - 1) > HIGHEST) {
            throw new LaunchException("port " + base + " is out of range: a fleet of " + workers
                    + " workers needs the ports up to " + workerGrpc(base, workers - 1) + ", and the highest is "
                    + HIGHEST);
        }
        for (int port : all(base, workers)) {
            if (!isFree(host, port)) {
                OptionalLong pid = ProcFs.listener(port);
                String by = pid.isPresent() ? " by " + describe(pid.getAsLong()) : "";
                throw new LaunchException(
                        "port " + port + " is taken" + by
                                + "; stop that process, or choose other ports with --port P (P, P+1 and from P+10 two per worker)");
            }
        }
    }

    /** A base whose ports are all free now. */
    static int findBase(String host, int workers) {
        RandomGenerator random = RandomGenerator.getDefault();
        for (int i = 0; i < FREE_TRIES; i++) {
            int base = random.nextInt(FREE_FROM, FREE_TO);
            if (all(base, workers).stream().allMatch(port -> isFree(host, port))) {
                return base;
            }
        }
        throw new LaunchException("no " + (2 + 2 * workers) + " free ports were found between " + FREE_FROM + " and "
                + FREE_TO + "; name a free one with --port P");
    }

    static boolean isFree(String host, int port) {
        try (ServerSocket socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress(InetAddress.getByName(host), port));
            return true;
        } catch (UnknownHostException e) {
            throw new LaunchException("the host " + host + " is not known; name an address of this machine", e);
        } catch (IOException e) {
            return false;
        }
    }

    private static String describe(long pid) {
        String command = String.join(" ", ProcFs.arguments(pid));
        return "process " + pid + (command.isEmpty() ? "" : " (" + abbreviate(command) + ")");
    }

    private static String abbreviate(String s) {
        return s.length() <= 80 ? s : s.substring(0, 77) + "...";
    }
}
