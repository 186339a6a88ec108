/**
 * The contract that every engine keeps, as tests, and the rules for dependencies between the packages. What is particular
 * to one engine is tested in its own package.
 */
@NullMarked
package io.baton.engine;

import org.jspecify.annotations.NullMarked;
