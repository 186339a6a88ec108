package io.baton.engine;

/**
 * A generation to continue.
 *
 * @param history all token ids: prompt, then everything generated so far; the last one is not in the cache yet
 * @param promptTokens how many of them are the original prompt
 * @param sampling how to choose tokens
 * @param topLogprobs alternatives to report with each token, −1 for no log probabilities
 */
public record DecodeWork(int[] history, int promptTokens, Sampling sampling, int topLogprobs) {}
