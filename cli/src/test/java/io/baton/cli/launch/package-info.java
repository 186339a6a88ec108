/** Tests of the launcher's parts. What needs running services is tested in {@link io.baton.cli.process}. */
@NullMarked
package io.baton.cli.launch;

import org.jspecify.annotations.NullMarked;
