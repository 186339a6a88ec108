/**
 * The engine on libllama: typed bindings that read like the C API ({@code Llama*}), the thread that computes, the KV rows'
 * way in and out, and the checks of model and library. Nothing outside this package calls libllama, and nothing here knows
 * of gRPC or Quarkus.
 */
@NullMarked
package io.baton.engine.llamacpp;

import org.jspecify.annotations.NullMarked;
