/** Tests that hold the pages under docs to the code. Nothing else may live here. */
@NullMarked
package io.baton.cli.docs;

import org.jspecify.annotations.NullMarked;
