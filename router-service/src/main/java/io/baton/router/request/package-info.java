/**
 * What can be checked and filled in of a request without a tokenizer: ranges, names, the model, the seed. Nothing of a wire
 * format may live here.
 */
@NullMarked
package io.baton.router.request;

import org.jspecify.annotations.NullMarked;
