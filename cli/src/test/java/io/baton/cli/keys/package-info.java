/** Tests of what a cluster keeps secret. */
@NullMarked
package io.baton.cli.keys;

import org.jspecify.annotations.NullMarked;
