/**
 * Whole requests through router, workers beside vLLM and stand-ins for vLLM, all in one process: what happens to a client when
 * something breaks.
 */
@NullMarked
package io.baton.cli.vllm;

import org.jspecify.annotations.NullMarked;
