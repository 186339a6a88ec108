/** Tests of how pieces of prompts are named and found. */
@NullMarked
package io.baton.router.prefix;

import org.jspecify.annotations.NullMarked;
