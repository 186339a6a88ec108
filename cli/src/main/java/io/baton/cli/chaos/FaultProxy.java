package io.baton.cli.chaos;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A TCP proxy in front of one port that can break what passes through it.
 *
 * <p><em>Thread-safety:</em> safe. Owns its connections; two virtual threads copy each.
 */
final class FaultProxy implements AutoCloseable {
    private static final int BUFFER = 64 << 10;
    /** Only rows of KV blocks come in pieces so large. */
    private static final int BULK = 4 << 10;

    private final ServerSocket listener;
    private final InetSocketAddress target;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();
    private final AtomicInteger toCorrupt = new AtomicInteger();
    private final AtomicInteger corrupted = new AtomicInteger();
    private final AtomicInteger heldBack = new AtomicInteger();
    private volatile long delayNanos;
    private volatile boolean blackHole;
    private volatile boolean refuse;

    /** Listens at {@code host:port} and passes on to {@code targetHost:port}. */
    FaultProxy(String host, String targetHost, int port) throws IOException {
        this.target = new InetSocketAddress(targetHost, port);
        this.listener = new ServerSocket();
        listener.setReuseAddress(true);
        listener.bind(new InetSocketAddress(InetAddress.getByName(host), port));
        Thread.ofVirtual().name("fault-proxy-" + port).start(this::accept);
    }

    /**
     * Closes every connection; new ones are refused while {@code refused} is true.
     *
     * @return how many were open
     */
    int cut(boolean refused) {
        refuse = refused;
        int n = connections();
        open.forEach(this::end);
        return n;
    }

    /**
     * Ends every connection with a TCP reset.
     *
     * @return how many were open
     */
    int reset() {
        int n = connections();
        for (Socket socket : open) {
            try {
                socket.setSoLinger(true, 0);
            } catch (IOException e) {
                // It is closed already, which is what is wanted.
            }
            end(socket);
        }
        return n;
    }

    /** Connections that are open now. */
    int connections() {
        return open.size() / 2;
    }

    /** Holds every piece back for so long; 0 for not at all. */
    void delay(long nanos) {
        delayNanos = nanos;
    }

    /** Takes everything and passes nothing on, without closing anything. */
    void blackHole(boolean on) {
        blackHole = on;
    }

    /** Flips a bit in each of the next {@code pieces} large pieces that come from the target. */
    void corrupt(int pieces) {
        toCorrupt.set(pieces);
    }

    /** Pieces that were held back so far, by a delay or a black hole. */
    int heldBack() {
        return heldBack.get();
    }

    /** Pieces with a flipped bit so far. */
    int corrupted() {
        return corrupted.get();
    }

    private void accept() {
        while (!listener.isClosed()) {
            Socket client;
            try {
                client = listener.accept();
            } catch (IOException e) {
                return;
            }
            Socket server = new Socket();
            try {
                if (refuse) {
                    throw new IOException("refused on purpose");
                }
                client.setTcpNoDelay(true);
                server.setTcpNoDelay(true);
                open.add(client);
                open.add(server);
                server.connect(target);
                Thread.ofVirtual().start(() -> copy(client, server, false));
                Thread.ofVirtual().start(() -> copy(server, client, true));
            } catch (IOException e) {
                end(client);
                end(server);
            }
        }
    }

    private void copy(Socket from, Socket to, boolean fromTarget) {
        byte[] buffer = new byte[BUFFER];
        try {
            InputStream in = from.getInputStream();
            OutputStream out = to.getOutputStream();
            for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
                if (delayNanos > 0 || blackHole) {
                    heldBack.incrementAndGet();
                }
                if (delayNanos > 0) {
                    TimeUnit.NANOSECONDS.sleep(delayNanos);
                }
                while (blackHole && !from.isClosed() && !to.isClosed()) {
                    TimeUnit.MILLISECONDS.sleep(10);
                }
                if (fromTarget && n >= BULK && takeOne()) {
                    buffer[n / 2] ^= 0x10;
                    corrupted.incrementAndGet();
                }
                out.write(buffer, 0, n);
                out.flush();
            }
        } catch (IOException e) {
            // One side is gone; the other follows.
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            end(from);
            end(to);
        }
    }

    private boolean takeOne() {
        return toCorrupt.get() > 0 && toCorrupt.getAndDecrement() > 0;
    }

    private void end(Socket socket) {
        open.remove(socket);
        try {
            socket.close();
        } catch (IOException e) {
            // Nothing can be done about a socket that does not close.
        }
    }

    @Override
    public void close() {
        try {
            listener.close();
        } catch (IOException e) {
            // The process ends it.
        }
        open.forEach(this::end);
    }
}
