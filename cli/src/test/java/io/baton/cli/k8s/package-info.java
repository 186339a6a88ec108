/**
 * The Kubernetes manifests: that the base is what the build generates, that every overlay is valid and means what it should, and
 * that each of these checks can fail.
 */
@NullMarked
package io.baton.cli.k8s;

import org.jspecify.annotations.NullMarked;
