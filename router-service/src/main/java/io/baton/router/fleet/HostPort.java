package io.baton.router.fleet;

/**
 * An address of the settings.
 *
 * @param host name or address; IPv6 in brackets
 * @param port port in [1, 65535]
 */
record HostPort(String host, int port) {
    static HostPort parse(String address) {
        int colon = address.lastIndexOf(':');
        if (colon > 0) {
            try {
                int port = Integer.parseInt(address.substring(colon + 1));
                if (port >= 1 && port <= 65535) {
                    return new HostPort(address.substring(0, colon), port);
                }
            } catch (NumberFormatException _) {
                // Said below, for every way in which it can be wrong.
            }
        }
        throw new IllegalArgumentException("'" + address
                + "' is neither host:port nor dns:///name:port; correct baton.router.prefill-workers or "
                + "baton.router.decode-workers");
    }
}
