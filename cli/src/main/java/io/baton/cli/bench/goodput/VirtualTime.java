package io.baton.cli.bench.goodput;

import java.util.PriorityQueue;

/**
 * A clock that jumps from event to event. Events of the same time happen in the order in which they were planned.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class VirtualTime {
    private record Event(double time, long number, Runnable action) implements Comparable<Event> {
        @Override
        public int compareTo(Event other) {
            int byTime = Double.compare(time, other.time);
            return byTime != 0 ? byTime : Long.compare(number, other.number);
        }
    }

    private final PriorityQueue<Event> events = new PriorityQueue<>();
    private double now;
    private long planned;

    /** Seconds since the run began. */
    double now() {
        return now;
    }

    /** Plans an event, not in the past. */
    void at(double time, Runnable action) {
        if (!(time >= now)) {
            throw new IllegalArgumentException("an event at " + time + " s, planned at " + now + " s");
        }
        events.add(new Event(time, planned++, action));
    }

    /** The next event happens; false if there is none. */
    boolean step() {
        Event next = events.poll();
        if (next == null) {
            return false;
        }
        now = next.time;
        next.action.run();
        return true;
    }
}
