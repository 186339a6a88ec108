package io.baton.router.grpc;

import io.baton.inference.v1.GenerateRequest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/** A gRPC client that is only a socket: it asks, allows the server to send as much as it likes, and never reads. */
final class RawHttp2 {
    private static final int SETTINGS = 4;
    private static final int WINDOW_UPDATE = 8;
    private static final int HEADERS = 1;
    private static final int DATA = 0;

    private RawHttp2() {}

    static Socket connect(int port) throws IOException {
        Socket socket = new Socket();
        socket.setSoTimeout(30_000);
        socket.setReceiveBufferSize(8192);
        socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), port));
        return socket;
    }

    /** Calls Generate (RFC 9113 frames, RFC 7541 headers without Huffman coding or a table). */
    static Socket generate(int port, GenerateRequest request) throws IOException {
        Socket socket = connect(port);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
        // SETTINGS_INITIAL_WINDOW_SIZE, then the connection's window: both as large as they may be.
        frame(
                out,
                SETTINGS,
                0,
                0,
                ByteBuffer.allocate(6)
                        .putShort((short) 4)
                        .putInt(Integer.MAX_VALUE)
                        .array());
        frame(
                out,
                WINDOW_UPDATE,
                0,
                0,
                ByteBuffer.allocate(4).putInt(Integer.MAX_VALUE - 65_535).array());
        ByteArrayOutputStream headers = new ByteArrayOutputStream();
        headers.write(0x83); // :method POST
        headers.write(0x86); // :scheme http
        headers.write(0x04); // :path
        string(headers, "/baton.inference.v1.InferenceService/Generate");
        headers.write(0x01); // :authority
        string(headers, "localhost");
        header(headers, "content-type", "application/grpc");
        header(headers, "te", "trailers");
        frame(out, HEADERS, 0x4, 1, headers.toByteArray());
        byte[] message = request.toByteArray();
        frame(
                out,
                DATA,
                0x1,
                1,
                ByteBuffer.allocate(5 + message.length)
                        .put((byte) 0)
                        .putInt(message.length)
                        .put(message)
                        .array());
        socket.getOutputStream().write(out.toByteArray());
        return socket;
    }

    private static void frame(ByteArrayOutputStream out, int type, int flags, int stream, byte[] payload) {
        byte[] head = ByteBuffer.allocate(9)
                .put((byte) (payload.length >> 16))
                .putShort((short) payload.length)
                .put((byte) type)
                .put((byte) flags)
                .putInt(stream)
                .array();
        out.writeBytes(head);
        out.writeBytes(payload);
    }

    private static void header(ByteArrayOutputStream out, String name, String value) {
        out.write(0x00);
        string(out, name);
        string(out, value);
    }

    private static void string(ByteArrayOutputStream out, String text) {
        out.write(text.length());
        out.writeBytes(text.getBytes(StandardCharsets.US_ASCII));
    }
}
