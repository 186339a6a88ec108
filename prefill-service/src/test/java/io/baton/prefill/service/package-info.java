/**
 * What the prefill service as an application promises: settings, health, metrics, module arrows. Legs are tested in
 * their own package.
 */
@NullMarked
package io.baton.prefill.service;

import org.jspecify.annotations.NullMarked;
