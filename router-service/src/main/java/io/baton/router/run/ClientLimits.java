package io.baton.router.run;

import java.time.Duration;

/**
 * What a client may cost that reads more slowly than tokens come.
 *
 * @param outputs most outputs that wait for it
 * @param bytes most bytes that wait for it, as protobuf has them
 * @param stall how long it may take nothing of what waits
 */
public record ClientLimits(int outputs, long bytes, Duration stall) {}
