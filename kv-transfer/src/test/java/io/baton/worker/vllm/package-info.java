/** Tests of what workers beside vLLM share. */
@NullMarked
package io.baton.worker.vllm;

import org.jspecify.annotations.NullMarked;
