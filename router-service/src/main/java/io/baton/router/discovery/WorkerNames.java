package io.baton.router.discovery;

import java.util.ArrayList;
import java.util.List;

/**
 * The entries of a worker list, by kind.
 *
 * @param addresses entries that are host:port
 * @param names entries that are dns:///name:port
 */
public record WorkerNames(List<String> addresses, List<Name> names) {
    private static final String SCHEME = "dns:///";
    private static final int LONGEST_NAME = 253;

    /** Copies both lists. */
    public WorkerNames {
        addresses = List.copyOf(addresses);
        names = List.copyOf(names);
    }

    /**
     * A DNS name whose addresses are workers, all at one port.
     *
     * @param host the name; with a dot at its end it is complete, else the search list applies
     * @param port port in [1, 65535]
     */
    public record Name(String host, int port) {
        @Override
        public String toString() {
            return SCHEME + host + ":" + port;
        }
    }

    /**
     * Tells the kinds apart.
     *
     * @throws IllegalArgumentException if an entry begins with dns: and is not dns:///name:port
     */
    public static WorkerNames of(List<String> entries) {
        List<String> addresses = new ArrayList<>();
        List<Name> names = new ArrayList<>();
        for (String entry : entries) {
            if (entry.startsWith("dns:")) {
                names.add(parse(entry));
            } else {
                addresses.add(entry);
            }
        }
        return new WorkerNames(addresses, names);
    }

    private static Name parse(String entry) {
        int colon = entry.lastIndexOf(':');
        if (entry.startsWith(SCHEME) && colon > SCHEME.length()) {
            String host = entry.substring(SCHEME.length(), colon);
            String digits = entry.substring(colon + 1);
            int port = digits.matches("\\d{1,5}") ? Integer.parseInt(digits) : 0;
            if (host.length() <= LONGEST_NAME
                    && host.matches("[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?")
                    && port >= 1
                    && port <= 65535) {
                return new Name(host, port);
            }
        }
        throw new IllegalArgumentException("'" + entry + "' is not dns:///name:port; correct "
                + "baton.router.prefill-workers or baton.router.decode-workers, and name another DNS server in "
                + "baton.router.dns.servers");
    }
}
