/** Tests of the engine on libllama, with real models. Those that need data from outside the project skip without it. */
@NullMarked
package io.baton.engine.llamacpp;

import org.jspecify.annotations.NullMarked;
