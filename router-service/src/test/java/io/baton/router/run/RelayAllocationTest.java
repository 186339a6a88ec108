package io.baton.router.run;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import io.baton.decode.v1.DecodeBlocksLanded;
import io.baton.decode.v1.DecodeReserved;
import io.baton.inference.v1.TokenOutput;
import io.baton.kv.v1.KvDescriptor;
import io.baton.prefill.v1.PrefillAccepted;
import io.baton.prefill.v1.PrefillFirstToken;
import io.baton.router.fake.Samples;
import io.baton.router.life.Action;
import io.baton.router.life.Event;
import io.baton.router.life.Generation;
import io.baton.router.life.Limits;
import io.baton.router.life.RequestState;
import io.baton.router.life.Step;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** What a token that is relayed leaves for the garbage collector, without gRPC. */
class RelayAllocationTest {
    private static final int TOKENS = 4096;
    /** Eight small objects and the token's id: 224 where nothing is compiled, which is the most. */
    private static final long MOST_BYTES = 256;

    private static final class Reader implements ClientSink {
        int outputs;

        @Override
        public boolean isReady() {
            return true;
        }

        @Override
        public void write(ClientEvent event) {
            outputs++;
        }
    }

    private static RequestState decoding() {
        RequestState state = RequestState.begin(
                        new Generation("name", "name~1", "", Samples.request("abcd", TOKENS)),
                        new Limits(TOKENS, 2 * TOKENS, 2, 3))
                .next();
        List<Event> events = List.of(
                new Event.Accepted(
                        1,
                        PrefillAccepted.newBuilder()
                                .setTokenIds(Samples.ids(1, 2, 3, 4))
                                .setPromptTokens(4)
                                .setBlockSize(Samples.BLOCK_SIZE)
                                .setMaxTokens(TOKENS)
                                .setLayout(Samples.LAYOUT)
                                .build()),
                new Event.Reserved(
                        2, DecodeReserved.newBuilder().setWorkerId("decode-a").build()),
                new Event.BlocksReady(1, List.of(KvDescriptor.getDefaultInstance())),
                new Event.FirstToken(
                        1,
                        PrefillFirstToken.newBuilder()
                                .setOutput(Samples.token(0))
                                .build()),
                new Event.BlocksLanded(
                        2, DecodeBlocksLanded.newBuilder().setLandedBlocks(1).build()));
        for (Event event : events) {
            state = state.on(event).next();
        }
        return state;
    }

    /** Relays all tokens of a request and says how many bytes were allocated for each. */
    private static long relay(TokenOutput[] outputs, ScheduledExecutorService timers) {
        ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        Reader reader = new Reader();
        ClientQueue client = new ClientQueue(
                reader,
                new ClientLimits(1024, 1 << 20, Duration.ofMinutes(5)),
                new Timers(timers, Runnable::run),
                why -> {
                    throw new AssertionError(why);
                });
        RequestState state = decoding();
        long before = threads.getCurrentThreadAllocatedBytes();
        for (TokenOutput output : outputs) {
            Step step = state.on(new Event.Token(2, output));
            state = step.next();
            for (Action action : step.actions()) {
                if (action instanceof Action.TellOutput(var told)) {
                    client.add(new ClientEvent.Output(told));
                }
            }
        }
        long allocated = threads.getCurrentThreadAllocatedBytes() - before;
        assertThat(reader.outputs).isEqualTo(outputs.length);
        return allocated / outputs.length;
    }

    @Test
    void shouldAllocateLittlePerTokenHoweverManyCameBefore() {
        // Given
        TokenOutput[] outputs =
                IntStream.rangeClosed(1, TOKENS).mapToObj(Samples::token).toArray(TokenOutput[]::new);
        try (ScheduledExecutorService timers = Executors.newSingleThreadScheduledExecutor()) {
            // The first request pays for the linking of the code.
            relay(outputs, timers);
            // When
            long perToken = relay(outputs, timers);
            // Then
            assertThat(perToken).isPositive().isLessThanOrEqualTo(MOST_BYTES);
        }
    }
}
