/** The settings of the router, each with its default. Nothing that acts may live here. */
@NullMarked
package io.baton.router.config;

import org.jspecify.annotations.NullMarked;
