/**
 * Which worker takes a leg: filters, then scorers, then one picker, each a small class over immutable views. No I/O may
 * live here.
 */
@NullMarked
package io.baton.router.schedule;

import org.jspecify.annotations.NullMarked;
