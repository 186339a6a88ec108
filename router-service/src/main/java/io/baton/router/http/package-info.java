/**
 * OpenAI's HTTP API: JSON and event streams in and out, on the event loop of the connection. How a request is carried out is
 * not known here.
 */
@NullMarked
package io.baton.router.http;

import org.jspecify.annotations.NullMarked;
