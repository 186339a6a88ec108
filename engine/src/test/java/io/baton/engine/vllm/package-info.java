/** Tests of the client against a stand-in for a vLLM server. */
@NullMarked
package io.baton.engine.vllm;

import org.jspecify.annotations.NullMarked;
