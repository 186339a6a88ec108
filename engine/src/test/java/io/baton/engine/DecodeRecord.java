package io.baton.engine;

import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;

/** Writes down what a generation tells, and ends it after a number of tokens. */
final class DecodeRecord implements DecodeListener {
    private final int most;
    private final List<SampledToken> told = new CopyOnWriteArrayList<>();
    private final CompletableFuture<List<Integer>> tokens = new CompletableFuture<>();
    private final CompletableFuture<List<Integer>> usedUp = new CompletableFuture<>();
    private final CompletableFuture<Void> enough = new CompletableFuture<>();
    private volatile int awaited = Integer.MAX_VALUE;
    private volatile int computedPromptTokens = -1;
    private volatile CompletableFuture<Void> mayGoOn = CompletableFuture.completedFuture(null);

    DecodeRecord(int most) {
        this.most = most;
    }

    /** All tokens, once there are enough. */
    CompletableFuture<List<Integer>> tokens() {
        return tokens;
    }

    /** All tokens, once the cells are used up. */
    CompletableFuture<List<Integer>> usedUp() {
        return usedUp;
    }

    /** Done when so many tokens were told. */
    CompletableFuture<Void> atLeast(int count) {
        awaited = count;
        if (told.size() >= count) {
            enough.complete(null);
        }
        return enough;
    }

    /** Holds the engine thread at the awaited token until the future is done: for tests of what happens meanwhile. */
    void holdUntil(CompletableFuture<Void> done) {
        mayGoOn = done;
    }

    int computedPromptTokens() {
        return computedPromptTokens;
    }

    List<Integer> positions() {
        return told.stream().map(SampledToken::position).toList();
    }

    List<Float> logprobs() {
        return told.stream().map(SampledToken::logprob).toList();
    }

    private List<Integer> ids() {
        return told.stream().map(SampledToken::id).toList();
    }

    @Override
    public void onStarted(int computed) {
        computedPromptTokens = computed;
    }

    @Override
    public boolean onToken(SampledToken token) {
        told.add(token);
        if (told.size() >= awaited) {
            enough.complete(null);
            mayGoOn.join();
        }
        if (told.size() < most) {
            return true;
        }
        tokens.complete(ids());
        return false;
    }

    @Override
    public void onCellsUsedUp() {
        usedUp.complete(ids());
    }

    @Override
    public void onFailed(Throwable cause) {
        tokens.completeExceptionally(cause);
        usedUp.completeExceptionally(cause);
    }
}
