package io.baton.router.run;

import com.google.protobuf.ByteString;
import io.baton.inference.v1.ChatMessage;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.Prompt;
import io.baton.router.fleet.KvKind;
import io.baton.router.life.Generation;
import io.baton.router.schedule.Pick;
import io.baton.router.schedule.RequestFacts;
import io.baton.router.schedule.Scheduler;
import io.baton.router.schedule.Slo;
import java.util.Optional;
import java.util.Set;

/**
 * Asks the scheduler on behalf of requests: knows the fleet, the targets, and how to name the pieces of a prompt.
 *
 * <p><em>Thread-safety:</em> safe.
 */
public final class Scheduling {
    /** Bytes of text per token, until the prompt was tokenised. */
    private static final int BYTES_PER_TOKEN = 4;

    private final Scheduler scheduler;
    private final LiveFleet fleet;
    private final Pieces pieces;
    private final Slo slo;

    /** Names the pieces of prompts. */
    @FunctionalInterface
    public interface Pieces {
        /** Names none: nothing is known of prefix caches. */
        Pieces NONE = (_, _, _) -> new long[0];

        /** Hashes of the prompt's pieces, in order. */
        long[] of(String tenant, String model, Prompt prompt);
    }

    /** Scheduling of the requests to {@code fleet}. */
    public Scheduling(Scheduler scheduler, LiveFleet fleet, Pieces pieces, Slo slo) {
        this.scheduler = scheduler;
        this.fleet = fleet;
        this.pieces = pieces;
        this.slo = slo;
    }

    /** Whether decode workers may be asked to compute prompts themselves. */
    boolean onDecode() {
        return scheduler.onDecode();
    }

    /** What is known of a request when it comes. */
    RequestFacts facts(Generation generation) {
        return facts(generation.tenant(), generation.request());
    }

    private RequestFacts facts(String tenant, GenerateRequest request) {
        return new RequestFacts(
                tenant,
                request.getModel(),
                estimate(request.getPrompt()),
                request.getStop().hasMaxTokens() ? Math.max(1, request.getStop().getMaxTokens()) : Integer.MAX_VALUE,
                pieces.of(tenant, request.getModel(), request.getPrompt()),
                slo,
                Set.of(),
                0);
    }

    /** Tokens of a prompt; exact for token ids. */
    static int estimate(Prompt prompt) {
        long bytes = switch (prompt.getKindCase()) {
            case TEXT -> length(prompt.getTextBytes());
            case TOKEN_IDS -> length(prompt.getTokenIds());
            case CHAT -> {
                long sum = 0;
                for (ChatMessage m : prompt.getChat().getMessagesList()) {
                    sum += length(m.getContentBytes()) + 4L * BYTES_PER_TOKEN;
                }
                yield sum;
            }
            case KIND_NOT_SET -> 0;
        };
        return (int) Math.max(1, bytes / BYTES_PER_TOKEN);
    }

    private static long length(ByteString bytes) {
        return bytes.size();
    }

    /** Cells that decode reserves for a request of so many tokens, at most. */
    int cells(String model, int tokens) {
        int most = fleet.mostRequestTokens(model);
        return most > 0 ? Math.min(tokens, most) : tokens;
    }

    /** Seconds from now to the first token if the request went to its workers now; 0 if none takes it. */
    double expectedFirstToken(String tenant, GenerateRequest request) {
        return start(facts(tenant, request)).map(Pick::ttft).orElse(0.0);
    }

    Optional<Pick> start(RequestFacts facts) {
        return scheduler.start(fleet.view(), facts);
    }

    Optional<Pick> decode(RequestFacts facts, KvKind kind) {
        return scheduler.decode(fleet.view(), facts, kind);
    }
}
