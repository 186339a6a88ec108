/**
 * What prefill and decode workers beside a vLLM server share: settings, the server's health, descriptors of kind NIXL, and
 * the leg that asks over HTTP. Nothing here knows the messages of prefill or decode, or Quarkus.
 */
@NullMarked
package io.baton.worker.vllm;

import org.jspecify.annotations.NullMarked;
