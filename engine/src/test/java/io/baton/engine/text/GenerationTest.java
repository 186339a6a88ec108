package io.baton.engine.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.engine.SampledToken;
import io.baton.engine.SampledToken.TokenProbability;
import io.baton.engine.Tokenizer;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.Completion;
import io.baton.inference.v1.TokenOutput;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class GenerationTest {
    private static final int END = 0;

    /** Token 0 is the end; 1 to 255 are bytes; 256 on are pieces of the text "STOP €". */
    private static final Tokenizer TOKENIZER = new Tokenizer() {
        private final List<String> words = List.of("ST", "OP", "S", "abc", " ", "€");

        @Override
        public int[] encode(String text, boolean addSpecial, boolean parseSpecial) {
            throw new UnsupportedOperationException();
        }

        @Override
        public byte[] piece(int token) {
            return token == END
                    ? new byte[0]
                    : token < 256
                            ? new byte[] {(byte) token}
                            : words.get(token - 256).getBytes(StandardCharsets.UTF_8);
        }

        @Override
        public int[] encodeChat(List<ChatMessage> messages, boolean addGenerationPrompt) {
            throw new UnsupportedOperationException();
        }
    };

    private static final StopRules RULES = new StopRules(30, 2, List.of("STOP", "bc€"), Set.of(END));

    private static SampledToken token(int id) {
        return new SampledToken(id, 0, Float.NaN, List.of());
    }

    private record Output(
            List<Integer> ids, String text, @Nullable Completion completion) {}

    private static Output collect(List<Generation.Step> steps) {
        List<Integer> ids = new ArrayList<>();
        StringBuilder text = new StringBuilder();
        Completion completion = null;
        for (Generation.Step step : steps) {
            TokenOutput output = step.output();
            int[] stepIds = TokenIds.decode(output.getTokenIds(), Integer.MAX_VALUE, "x");
            for (int i = 0; i < stepIds.length; i++) {
                assertThat(output.getIndex() + i).as("index").isGreaterThanOrEqualTo(ids.size());
                ids.add(stepIds[i]);
            }
            text.append(output.getText());
            completion = step.completion();
        }
        return new Output(ids, text.toString(), completion);
    }

    private static List<Generation.Step> generate(Generation generation, int[] ids, int from) {
        List<Generation.Step> steps = new ArrayList<>();
        for (int i = from; i < ids.length && !generation.ended(); i++) {
            steps.add(generation.accept(token(ids[i])));
        }
        if (!generation.ended()) {
            steps.add(generation.finish());
        }
        return steps;
    }

    @Provide
    Arbitrary<int[]> tokens() {
        return Arbitraries.frequencyOf(
                        net.jqwik.api.Tuple.of(1, Arbitraries.just(END)),
                        net.jqwik.api.Tuple.of(6, Arbitraries.integers().between(256, 261)),
                        net.jqwik.api.Tuple.of(6, Arbitraries.of(0xe2, 0x82, 0xac, 0xc3, 0xa9, 0x41, 0xf0, 0x9f)))
                .array(int[].class)
                .ofMinSize(1)
                .ofMaxSize(20);
    }

    @Property(tries = 2000)
    void shouldGiveTheSameRestWhereverTheStreamMoves(@ForAll("tokens") int[] ids) {
        // Given the stream that does not move
        List<Generation.Step> steps = generate(new Generation(RULES, TOKENIZER), ids, 0);
        Output whole = collect(steps);
        int generated = whole.ids().size();
        for (int moved = 1; moved < generated; moved++) {
            for (int sent = 0; sent <= moved; sent++) {
                // When it moves after so many tokens, of which so many were sent
                String sentText = collect(steps.subList(0, sent)).text();
                Generation generation = new Generation(RULES, TOKENIZER);
                List<Generation.Step> rest = new ArrayList<>();
                rest.add(generation.replay(
                        Arrays.copyOf(ids, moved), sent, sentText.getBytes(StandardCharsets.UTF_8).length));
                rest.addAll(generate(generation, ids, moved));
                // Then
                Output output = collect(rest);
                assertThat(sentText + output.text()).isEqualTo(whole.text());
                assertThat(output.ids()).isEqualTo(whole.ids().subList(sent, generated));
                assertThat(output.completion()).isEqualTo(whole.completion());
            }
        }
    }

    @Property(tries = 500)
    void shouldNotRepeatAForcedTokenThatWasSent(@ForAll("tokens") int[] ids) {
        // Given the stream that does not move
        List<Generation.Step> steps = generate(new Generation(RULES, TOKENIZER), ids, 0);
        Output whole = collect(steps);
        for (int known = 1; known <= whole.ids().size(); known++) {
            // When a prefill repeats it with the last known token forced, all of them sent
            String sentText = collect(steps.subList(0, known)).text();
            Generation generation = new Generation(RULES, TOKENIZER);
            Generation.Step replayed = generation.replay(
                    Arrays.copyOf(ids, known - 1), known, sentText.getBytes(StandardCharsets.UTF_8).length);
            Generation.Step forced = generation.accept(token(ids[known - 1]));
            // Then nothing of it is new
            assertThat(replayed.output().getText()).isEmpty();
            assertThat(replayed.output().getTokenIds()).isEqualTo(TokenIds.encode());
            assertThat(forced.output().getText()).isEmpty();
            assertThat(forced.output().getTokenIds()).isEqualTo(TokenIds.encode());
            assertThat(forced.completion()).isEqualTo(steps.get(known - 1).completion());
        }
    }

    @Test
    void shouldReportLogProbabilitiesWithTheBytesOfTheTokens() {
        // When
        Generation.Step step = new Generation(RULES, TOKENIZER)
                .accept(new SampledToken(261, 7, -0.5f, List.of(new TokenProbability(0xe2, -0.25f))));
        // Then
        assertThat(step.output().getIndex()).isZero();
        assertThat(step.output().getText()).isEqualTo("€");
        assertThat(step.output().getLogprobsList()).hasSize(1);
        assertThat(step.output().getLogprobs(0).getTokenId()).isEqualTo(261);
        assertThat(step.output().getLogprobs(0).getLogprob()).isEqualTo(-0.5f);
        assertThat(step.output().getLogprobs(0).getToken().toStringUtf8()).isEqualTo("€");
        assertThat(step.output().getLogprobs(0).getTop(0).getToken().toByteArray())
                .containsExactly((byte) 0xe2);
    }

    @Test
    void shouldRefuseAStateThatContradictsItself() {
        assertThatThrownBy(() -> new Generation(RULES, TOKENIZER).replay(new int[] {259}, 1, 4))
                .hasMessageContaining("bytes more")
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.PROTOCOL_VIOLATION));
        assertThatThrownBy(() -> new Generation(RULES, TOKENIZER).replay(new int[] {261}, 1, 2))
                .hasMessageContaining("inside a character");
        assertThatThrownBy(() -> new Generation(RULES, TOKENIZER).replay(new int[] {259}, 3, 0))
                .hasMessageContaining("3 tokens");
        assertThatThrownBy(() -> new Generation(RULES, TOKENIZER).replay(new int[] {259, 259, END, 259}, 4, 6))
                .hasMessageContaining("after the end");
    }
}
