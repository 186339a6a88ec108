/** Rules about the packages below, and what their tests share. Tests of a package lie in it. */
@NullMarked
package io.baton.kv;

import org.jspecify.annotations.NullMarked;
