/**
 * Workers that DNS tells of: names of the settings are looked up again and again, and the fleet gets what is found. Nothing
 * about a worker's health may live here; it tells that itself.
 */
@NullMarked
package io.baton.router.discovery;

import org.jspecify.annotations.NullMarked;
