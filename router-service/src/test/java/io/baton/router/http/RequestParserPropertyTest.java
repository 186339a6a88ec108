package io.baton.router.http;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.Model;
import io.baton.router.request.RequestChecks;
import io.vertx.core.buffer.Buffer;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever a client sends as a body: a request that is right in every field comes of it, or a 400 or 404 that says what is wrong. */
class RequestParserPropertyTest {
    private static final int MAX_CHOICES = 8;
    /** The first lines of bodies.txt, which are right; the others are not. */
    private static final int GOOD = 6;

    private static final List<Model> MODELS =
            List.of(Model.newBuilder().setId("m").setContextLength(100).build());
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
            "false",
            "0",
            "-1",
            "1e999",
            "-0.0",
            "NaN",
            "2147483648",
            "99999999999999999999",
            "{}",
            "[]",
            "\"\"",
            "\\ud800",
            "\\",
            "\u0000",
            "[[[[",
            "{\"a\":",
            "\"n\":",
            "\"stop\":",
            "\"prompt\":",
            "\"messages\":",
            "\"seed\":",
            "\"model\":\"x\",");

    /** A body, and which of the two paths it comes to. */
    record Sent(ApiKind kind, byte[] body) {
        static Sent of(String line) {
            int space = line.indexOf(' ');
            return new Sent(
                    ApiKind.valueOf(line.substring(0, space)),
                    line.substring(space + 1).getBytes(StandardCharsets.UTF_8));
        }

        @Override
        public String toString() {
            return kind + " " + new String(body, StandardCharsets.UTF_8);
        }
    }

    private static List<Sent> seeds() {
        try (InputStream in =
                Objects.requireNonNull(RequestParserPropertyTest.class.getResourceAsStream("bodies.txt"))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8)
                    .lines()
                    .map(Sent::of)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static Stream<Sent> everySeed() {
        return seeds().stream();
    }

    /** Whether it was taken. */
    private static boolean take(Sent sent) {
        ParsedRequest request;
        try {
            request = RequestParser.parse(sent.kind(), JsonIn.parse(Buffer.buffer(sent.body())), MODELS, MAX_CHOICES);
        } catch (ApiError e) {
            assertThat(e.status()).as("%s", sent).isIn(400, 404);
            assertThat(e.getMessage()).as("%s", sent).isNotBlank();
            return false;
        } catch (BatonException e) {
            // A name may be spoilt into another valid one.
            assertThat(e.code()).as("%s", sent).isEqualTo(ErrorCode.MODEL_NOT_FOUND);
            return false;
        }
        assertThat(request.generations())
                .as("%s", sent)
                .hasSizeBetween(1, MAX_CHOICES)
                .allSatisfy(g -> {
                    assertThat(g.getModel()).isEqualTo("m");
                    assertThat(g.getSampling().hasSeed()).isTrue();
                    assertThat(RequestChecks.firstViolation(g)).isEmpty();
                });
        return true;
    }

    @ParameterizedTest
    @MethodSource("everySeed")
    void shouldTakeOrRefuseWhatOnceWasFound(Sent sent) {
        int number = seeds().stream().map(Sent::toString).toList().indexOf(sent.toString());
        assertThat(take(sent)).isEqualTo(number < GOOD);
    }

    @Property(tries = 20_000)
    void aSpoiltBodyShouldBeTakenOrRefused(@ForAll long seed) {
        Random random = new Random(seed);
        List<Sent> seeds = seeds();
        Sent sent = seeds.get(random.nextInt(seeds.size()));
        byte[] body = sent.body();
        for (int n = 1 + random.nextInt(4); n > 0 && body.length > 0; n--) {
            int from = random.nextInt(body.length);
            int to = Math.min(body.length, from + random.nextInt(10));
            byte[] middle = switch (random.nextInt(4)) {
                case 0 -> new byte[] {(byte) random.nextInt(256)};
                case 1 -> new byte[0];
                case 2 -> {
                    byte[] other = seeds.get(random.nextInt(seeds.size())).body();
                    int at = random.nextInt(other.length);
                    yield Arrays.copyOfRange(other, at, Math.min(other.length, at + random.nextInt(40)));
                }
                default -> PIECES.get(random.nextInt(PIECES.size())).getBytes(StandardCharsets.UTF_8);
            };
            byte[] next = Arrays.copyOf(body, from + middle.length + body.length - to);
            System.arraycopy(middle, 0, next, from, middle.length);
            System.arraycopy(body, to, next, from + middle.length, body.length - to);
            body = next;
        }
        take(new Sent(sent.kind(), body));
    }

    @Property(tries = 5_000)
    void anyBytesShouldBeRefused(@ForAll byte[] body) {
        assertThat(take(new Sent(ApiKind.CHAT, body))).isFalse();
    }

    @Property(tries = 200)
    void depthShouldBeRefusedNotFollowed(@ForAll boolean array) {
        String open = (array ? "[" : "{\"a\":").repeat(100_000);
        assertThat(take(new Sent(ApiKind.COMPLETION, ("{\"prompt\":" + open).getBytes(StandardCharsets.UTF_8))))
                .isFalse();
    }
}
