/**
 * Which workers serve a request: filters, then scorers, then one picker, each a small class over an immutable view of the
 * fleet, and the decider of disaggregation. No I/O, no gRPC and no clock may live here.
 *
 * <p>{@link io.baton.router.schedule.Scheduler} is the entrance: made of {@link io.baton.router.schedule.ScheduleSettings} and
 * a {@link io.baton.router.schedule.PrefixOverlap} ({@code NONE}, or the prefix index), it is asked twice for each request.
 * {@code start(FleetView, RequestFacts)} gives a {@link io.baton.router.schedule.Pick}: the prefill worker together with the decode
 * worker that is expected to follow it, or a decode worker alone that computes the prompt too. Once prefill has told the
 * prompt's true length, {@code decode(FleetView, RequestFacts, KvKind)} picks the decode worker. A
 * {@link io.baton.router.schedule.FleetView} is what workers reported last ({@link io.baton.router.schedule.Candidate}) and what
 * this router has sent to them since; whoever simulates a fleet implements it over arrays.
 */
@NullMarked
package io.baton.router.schedule;

import org.jspecify.annotations.NullMarked;
