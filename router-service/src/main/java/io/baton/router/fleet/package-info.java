/**
 * The workers: their connections, what they tell about themselves, and whether they are well. Nothing about a single
 * request may live here.
 */
@NullMarked
package io.baton.router.fleet;

import org.jspecify.annotations.NullMarked;
