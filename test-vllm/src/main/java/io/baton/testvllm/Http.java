package io.baton.testvllm;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.Nullable;

/**
 * Just enough HTTP/1.1 to serve one request per connection, to notice at once that a client has gone, and to die as a process
 * does: with a reset.
 *
 * <p>vLLM watches for a client that goes and aborts its request ({@code vllm-project/vllm:vllm/entrypoints/utils.py},
 * {@code with_cancellation}); here the thread that answers is interrupted.
 *
 * <p><em>Thread-safety:</em> every method may be called from any thread.
 */
final class Http implements AutoCloseable {
    /** A request. */
    record Request(String method, String path, Map<String, String> headers, byte[] body) {}

    /** Answers requests, each on a thread of its own. */
    interface Handler {
        void answer(Request request, Answer answer) throws IOException, InterruptedException;

        /** The client went before the answer was complete. */
        void gone(Request request);
    }

    /** An answer under way. */
    static final class Answer {
        private final OutputStream out;
        private volatile boolean complete;

        private Answer(OutputStream out) {
            this.out = out;
        }

        void whole(int status, String type, byte[] body) throws IOException {
            head(status, type, "Content-Length: " + body.length);
            out.write(body);
            out.flush();
            complete = true;
        }

        void begin(String type) throws IOException {
            head(200, type, "Transfer-Encoding: chunked");
            out.flush();
        }

        void chunk(String text) throws IOException {
            byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
            ascii(Integer.toHexString(bytes.length) + "\r\n");
            out.write(bytes);
            ascii("\r\n");
            out.flush();
        }

        void end() throws IOException {
            ascii("0\r\n\r\n");
            out.flush();
            complete = true;
        }

        private void head(int status, String type, String length) throws IOException {
            ascii("HTTP/1.1 " + status + " X\r\nContent-Type: " + type + "\r\n" + length
                    + "\r\nConnection: close\r\n\r\n");
        }

        private void ascii(String text) throws IOException {
            out.write(text.getBytes(StandardCharsets.US_ASCII));
        }
    }

    /** Below the range that Linux gives to outgoing connections. */
    private static final int LEAST_PORT = 20_000;

    private static final int MOST_PORT = 32_000;

    private final Handler handler;
    private final ServerSocket server;
    private final Thread accepting;
    private final Set<Socket> open = ConcurrentHashMap.newKeySet();

    Http(int port, Handler handler) {
        this.handler = handler;
        this.server = bind(port);
        this.accepting = Thread.ofVirtual().start(this::accept);
    }

    /** Binds to a port; 0 takes a free one that no outgoing connection is given, so that a dead server can come back to it. */
    private static ServerSocket bind(int port) {
        try {
            if (port != 0) {
                return open(port);
            }
            BindException last = new BindException("no port was tried");
            for (int tries = 0; tries < 100; tries++) {
                try {
                    return open(ThreadLocalRandom.current().nextInt(LEAST_PORT, MOST_PORT));
                } catch (BindException e) {
                    last = e;
                }
            }
            throw last;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static ServerSocket open(int port) throws IOException {
        ServerSocket socket = new ServerSocket();
        socket.setReuseAddress(true);
        try {
            socket.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), port), 512);
            return socket;
        } catch (IOException e) {
            socket.close();
            throw e;
        }
    }

    int port() {
        return server.getLocalPort();
    }

    private void accept() {
        while (!server.isClosed()) {
            try {
                Socket socket = server.accept();
                open.add(socket);
                if (server.isClosed()) {
                    reset(socket);
                }
                Thread.ofVirtual().start(() -> serve(socket));
            } catch (IOException e) {
                if (!server.isClosed()) {
                    throw new UncheckedIOException(e);
                }
            }
        }
    }

    private void serve(Socket socket) {
        try (socket) {
            socket.setTcpNoDelay(true);
            Request request = read(socket.getInputStream());
            if (request == null) {
                return;
            }
            Answer answer = new Answer(new BufferedOutputStream(socket.getOutputStream()));
            Thread answering = Thread.currentThread();
            Thread watching = Thread.ofVirtual().start(() -> watch(socket, answering));
            try {
                handler.answer(request, answer);
            } finally {
                watching.interrupt();
                if (!answer.complete) {
                    handler.gone(request);
                }
            }
        } catch (IOException | InterruptedException e) {
            // The client, or this server, has gone; the handler was told.
            Thread.interrupted();
        } finally {
            open.remove(socket);
        }
    }

    /** A client that waits for an answer sends nothing, so whatever ends this read is its end. */
    private static void watch(Socket socket, Thread answering) {
        try {
            if (socket.getInputStream().read() < 0) {
                answering.interrupt();
            }
        } catch (IOException e) {
            answering.interrupt();
        }
    }

    private static @Nullable Request read(InputStream in) throws IOException {
        String first = line(in);
        if (first.isEmpty()) {
            return null;
        }
        Map<String, String> headers = new HashMap<>();
        for (String line = line(in); !line.isEmpty(); line = line(in)) {
            int colon = line.indexOf(':');
            headers.put(
                    line.substring(0, colon).toLowerCase(Locale.ROOT),
                    line.substring(colon + 1).strip());
        }
        byte[] body = in.readNBytes(Integer.parseInt(headers.getOrDefault("content-length", "0")));
        String[] words = first.split(" ", 3);
        return new Request(words[0], words[1], Map.copyOf(headers), body);
    }

    private static String line(InputStream in) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int c = in.read(); c >= 0 && c != '\n'; c = in.read()) {
            if (c != '\r') {
                line.append((char) c);
            }
        }
        return line.toString();
    }

    private static void reset(Socket socket) throws IOException {
        try {
            socket.setSoLinger(true, 0);
        } catch (SocketException e) {
            // Its answer was complete, and it has ended by itself.
            return;
        }
        socket.close();
    }

    /** Takes no more connections. */
    void refuse() {
        try {
            server.close();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Dies: nothing is answered any more, and every connection is reset. */
    @Override
    public void close() {
        try {
            server.close();
            for (Socket socket : open) {
                reset(socket);
            }
            // Only when nobody waits for a connection any more is the port free.
            accepting.join();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
