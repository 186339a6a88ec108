package io.baton.router.discovery;

import java.util.SortedSet;

/** How a lookup of a name ended. */
sealed interface Lookup {
    /**
     * The name has addresses.
     *
     * @param hosts IP addresses; IPv6 in brackets
     */
    record Found(SortedSet<String> hosts) implements Lookup {}

    /**
     * A DNS server answered that there is no such name, or that it has no addresses.
     *
     * @param why the answer, as part of a sentence
     */
    record Absent(String why) implements Lookup {}

    /**
     * No DNS server gave a complete answer, so nothing is known.
     *
     * @param why what went wrong, as part of a sentence
     */
    record Failed(String why) implements Lookup {}
}
