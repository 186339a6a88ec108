/**
 * What the decode service as an application promises: settings, health, metrics, module arrows. Legs are tested in
 * their own package.
 */
@NullMarked
package io.baton.decode.service;

import org.jspecify.annotations.NullMarked;
