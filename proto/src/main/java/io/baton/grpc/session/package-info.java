/**
 * Calls over a call: carries many calls of a few methods on one call of {@code LegService.Session}, for both sides.
 *
 * <p>{@link io.baton.grpc.session.SessionChannel} is a gRPC channel for stubs; {@link io.baton.grpc.session.SessionService} serves
 * ordinary gRPC services through it. Neither side's code knows how its calls travel. What it saves is per call, an HTTP/2 stream
 * with its headers and trailers, and per message, a frame with all that a gRPC library does for one: messages that many calls send
 * at the same time, such as the tokens of one step of an engine, go out as one.
 *
 * <p>What a call of its own has and these have not: flow control (messages are delivered as they come, whether requested or not;
 * {@code isReady} tells of the session), deadlines, compression, and binary metadata.
 */
@NullMarked
package io.baton.grpc.session;

import org.jspecify.annotations.NullMarked;
