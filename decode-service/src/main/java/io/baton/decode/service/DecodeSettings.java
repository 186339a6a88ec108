package io.baton.decode.service;

import io.baton.worker.SettingException;
import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** Settings that only decode workers have. */
@ConfigMapping(prefix = "baton.decode")
public interface DecodeSettings {
    /** Tokens of one request that may wait for a router that does not read; with more, the request is given up. */
    @WithDefault("1024")
    int outboxTokens();

    /** Whether full blocks of a finished generation go to the block store, for the next turn of the conversation. */
    @WithDefault("true")
    boolean keepGenerated();

    /** Streams that a terminating worker hands over at the same time; the others go on until it is their turn. */
    @WithDefault("4")
    int maxHandOvers();

    /** Fails with a {@link SettingException} on the first value out of range. */
    default void validate() {
        if (outboxTokens() < 1) {
            throw new SettingException("baton.decode.outbox-tokens", outboxTokens(), "must be at least 1");
        }
        if (maxHandOvers() < 1) {
            throw new SettingException("baton.decode.max-hand-overs", maxHandOvers(), "must be at least 1");
        }
    }
}
