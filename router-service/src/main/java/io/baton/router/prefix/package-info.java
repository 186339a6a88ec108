/**
 * What is in the workers' prefix caches, by hashes of pieces of prompts: how pieces are named, and which workers have which.
 * No prompt may be kept here, and nothing about how workers are chosen may live here.
 */
@NullMarked
package io.baton.router.prefix;

import org.jspecify.annotations.NullMarked;
