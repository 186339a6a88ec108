package io.baton.router.life;

import java.util.List;

/**
 * Result of a transition.
 *
 * @param next the state from now on
 * @param actions what is to be done, in order
 */
public record Step(RequestState next, List<Action> actions) {
    /** Copies the actions. */
    public Step {
        actions = List.copyOf(actions);
    }

    static Step to(RequestState next, Action action) {
        return new Step(next, List.of(action));
    }

    static Step to(RequestState next, Action... actions) {
        return new Step(next, List.of(actions));
    }

    static Step stay(RequestState state) {
        return new Step(state, List.of());
    }
}
