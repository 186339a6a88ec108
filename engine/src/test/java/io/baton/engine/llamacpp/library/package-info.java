/** Tests of where libllama comes from. Nothing here reaches a network. */
@NullMarked
package io.baton.engine.llamacpp.library;

import org.jspecify.annotations.NullMarked;
