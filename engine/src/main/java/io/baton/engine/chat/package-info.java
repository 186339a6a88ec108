/**
 * Chat templates as model files carry them: the Jinja dialect of Hugging Face, rendered in a sandbox with bounded output
 * and work. Nothing here tokenises, and nothing reaches files, classes or the network.
 */
@NullMarked
package io.baton.engine.chat;

import org.jspecify.annotations.NullMarked;
