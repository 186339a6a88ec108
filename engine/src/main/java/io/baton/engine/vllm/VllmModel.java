package io.baton.engine.vllm;

/**
 * A model that a vLLM server serves.
 *
 * @param id its name, as requests give it
 * @param root what was loaded: the argument of {@code --model}
 * @param maxModelLen most tokens of prompt and output together
 */
public record VllmModel(String id, String root, int maxModelLen) {}
