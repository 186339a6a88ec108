/**
 * The chaos test: load on a real fleet whose workers, router and connections are broken on purpose, and the judgement of what
 * clients got. Nothing here knows how a fleet is started; that is {@code io.baton.cli.launch}.
 */
@NullMarked
package io.baton.cli.chaos;

import org.jspecify.annotations.NullMarked;
