/** What is promised of the parts that both workers share. Settings and whole workers are tested in the services. */
@NullMarked
package io.baton.worker;

import org.jspecify.annotations.NullMarked;
