/**
 * A stand-in for a vLLM server in tests. It follows what vLLM documents, or does by its sources, for the fields that a
 * hand-over needs; each class names its sources by repository and path. What it receives it checks more strictly than vLLM.
 *
 * <p>Its text is a function of the prompt's tokens, the sampling parameters and the KV cache that it read, so a wrong
 * hand-over shows as wrong text.
 */
@NullMarked
package io.baton.testvllm;

import org.jspecify.annotations.NullMarked;
