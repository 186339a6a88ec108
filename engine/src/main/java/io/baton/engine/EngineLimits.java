package io.baton.engine;

/**
 * Limits of an engine.
 *
 * @param cells KV cells in all
 * @param sequences most open sequences
 * @param maxRequestTokens most tokens of one sequence
 */
public record EngineLimits(int cells, int sequences, int maxRequestTokens) {}
