package io.baton.kv.block;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.net.URI;
import java.net.URISyntaxException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where a holder's gRPC server listens.
 *
 * @param host DNS name, IPv4 address, or IPv6 address without brackets
 * @param port in [1, 65535]
 */
public record HolderAddress(String host, int port) {
    /** Longest DNS name. */
    private static final int MAX_HOST = 253;

    private static final Pattern SYNTAX =
            Pattern.compile("(?:\\[([0-9A-Fa-f:.]{2,45})]|([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)):([0-9]{1,5})");

    /**
     * Reads {@code host:port}; an IPv6 address stands in brackets. Nothing is resolved.
     *
     * @throws BatonException {@code DESCRIPTOR_REFUSED} if it is neither
     */
    public static HolderAddress parse(String address) {
        Matcher m = SYNTAX.matcher(address);
        if (address.length() <= MAX_HOST + 8 && m.matches()) {
            String host = m.group(1) != null ? m.group(1) : m.group(2);
            int port = Integer.parseInt(m.group(3));
            if (host.length() <= MAX_HOST && port >= 1 && port <= 65535 && isAuthority(host, port)) {
                return new HolderAddress(host, port);
            }
        }
        throw new BatonException(
                ErrorCode.DESCRIPTOR_REFUSED,
                "KV descriptor refused: holder address '"
                        + (address.length() > 64 ? address.substring(0, 64) + "…" : address)
                        + "' is not host:port with a port from 1 to 65535");
    }

    /** What is none, gRPC would refuse only when it connects: a name whose last part is a number but no IPv4 address, say. */
    private static boolean isAuthority(String host, int port) {
        try {
            return new URI(null, null, host, port, null, null, null).getPort() == port;
        } catch (URISyntaxException e) {
            // The answer to the question.
            return false;
        }
    }

    /** {@code host:port}, with brackets around an IPv6 address. */
    @Override
    public String toString() {
        return (host.indexOf(':') >= 0 ? "[" + host + "]" : host) + ":" + port;
    }
}
