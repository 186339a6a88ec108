package io.baton.engine.vllm;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Flow.Subscription;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever a vLLM server sends: it is read, or refused with an error that says so; nothing else comes of it. */
class VllmAnswersPropertyTest {
    private static final int MAX_EVENT = 1 << 16;
    private static final Set<ErrorCode> REFUSALS = Set.of(
            ErrorCode.ENGINE_FAILED,
            ErrorCode.WORKER_LOST,
            ErrorCode.INVALID_REQUEST,
            ErrorCode.CONTEXT_LENGTH_EXCEEDED,
            ErrorCode.REQUEST_TOO_LARGE,
            ErrorCode.QUEUE_FULL);
    /** What makes a JSON text another one more often than single bytes do. */
    private static final List<String> PIECES = List.of(
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            "\"",
            "null",
            "true",
            "-1",
            "1e999",
            "99999999999",
            "{}",
            "[]",
            "\\u",
            "\n\n",
            "data: ",
            "\r\n",
            "\u0000",
            "[[[[",
            "\"token_ids\"",
            "\"stop\"");

    static List<byte[]> seeds() {
        try (InputStream in =
                Objects.requireNonNull(VllmAnswersPropertyTest.class.getResourceAsStream("streams.txt"))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .map(l -> l.replace("\\n", "\n").getBytes(StandardCharsets.UTF_8))
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String read(byte[] stream, Random cuts) {
        Body body = new Body();
        body.onSubscribe(new Subscription() {
            @Override
            public void request(long n) {}

            @Override
            public void cancel() {}
        });
        for (int at = 0; at < stream.length; ) {
            int n = Math.min(stream.length - at, 1 + cuts.nextInt(40));
            body.onNext(List.of(ByteBuffer.wrap(Arrays.copyOfRange(stream, at, at + n))));
            at += n;
        }
        body.onComplete();
        Recorded recorded = new Recorded();
        String end;
        try {
            new CompletionStream(new Events(body, MAX_EVENT), 2, recorded)
                    .read(Duration.ofSeconds(9), Duration.ofSeconds(9));
            end = "finished: " + recorded.completion();
        } catch (BatonException e) {
            assertThat(e.code()).isIn(REFUSALS);
            assertThat(e.getMessage()).isNotBlank();
            end = e.code() + ": " + e.getMessage();
        } catch (IOException e) {
            end = "lost: " + e.getMessage();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
        assertThat(recorded.tokens).allSatisfy(t -> assertThat(t).isNotNegative());
        assertThat(recorded.completion != null).isEqualTo(end.startsWith("finished"));
        return recorded.tokens + " " + recorded.text + " " + end;
    }

    private static byte[] spoilt(Random random) {
        List<byte[]> seeds = seeds();
        byte[] text = seeds.get(random.nextInt(seeds.size())).clone();
        for (int n = 1 + random.nextInt(4); n > 0 && text.length > 0; n--) {
            int from = random.nextInt(text.length);
            int to = Math.min(text.length, from + random.nextInt(12));
            byte[] middle = switch (random.nextInt(4)) {
                case 0 -> PIECES.get(random.nextInt(PIECES.size())).getBytes(StandardCharsets.UTF_8);
                case 1 -> new byte[] {(byte) random.nextInt(256)};
                case 2 -> new byte[0];
                default -> {
                    byte[] other = seeds.get(random.nextInt(seeds.size()));
                    int at = random.nextInt(other.length);
                    yield Arrays.copyOfRange(other, at, Math.min(other.length, at + random.nextInt(40)));
                }
            };
            byte[] next = Arrays.copyOf(text, from + middle.length + text.length - to);
            System.arraycopy(middle, 0, next, from, middle.length);
            System.arraycopy(text, to, next, from + middle.length, text.length - to);
            text = next;
        }
        return text;
    }

    static Stream<byte[]> everySeed() {
        return seeds().stream();
    }

    @ParameterizedTest
    @MethodSource("everySeed")
    void shouldReadOrRefuseWhatOnceWasFound(byte[] stream) {
        assertThat(read(stream, new Random(1))).isEqualTo(read(stream, new Random(2)));
    }

    @Property(tries = 20_000)
    void aStreamShouldBeReadOrRefusedHoweverItArrives(@ForAll long seed) {
        byte[] stream = spoilt(new Random(seed));
        assertThat(read(stream, new Random(seed))).isEqualTo(read(stream, new Random(seed + 1)));
    }

    @Property(tries = 5_000)
    void anAnswerShouldBeReadOrRefused(@ForAll long seed) {
        Random random = new Random(seed);
        byte[] answer = spoilt(random);
        byte[] json = Arrays.copyOfRange(answer, Math.min(6, answer.length), answer.length);
        int status = 400 + random.nextInt(200);
        assertThat(VllmErrors.ofStatus(status, json).code()).isIn(REFUSALS);
        try {
            byte[] member = Json.rawMember(json, "choices");
            assertThat(member == null || Json.isObject(member)).isTrue();
        } catch (IOException e) {
            assertThat(e).hasMessageNotContaining("null pointer");
        }
        try {
            Choice.of(Json.tree(json).path("choices").path(0), 0, -1, 3);
        } catch (BatonException e) {
            assertThat(e.code()).isIn(REFUSALS);
        } catch (IOException e) {
            assertThat(e.getMessage()).isNotBlank();
        }
    }
}
