/**
 * What a worker that computes a prompt needs, whatever its role: the checked request, its tokens, its blocks in the store,
 * and the way from one to the other. Nothing here sends a message or says when a prompt is computed.
 */
@NullMarked
package io.baton.worker.prompt;

import org.jspecify.annotations.NullMarked;
