package io.baton.kv.block;

import static org.assertj.core.api.Assertions.assertThat;

import io.baton.engine.KvLayout;
import io.baton.kv.Layouts;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;

class BlockNamesPropertyTest {
    private static final List<KvLayout> LAYOUTS =
            List.of(Layouts.of(1024), Layouts.transposed(Layouts.of(1024)), Layouts.of(2048));

    /** Few token ids, so that common prefixes of every length occur. */
    @Provide
    Arbitrary<int[]> prompts() {
        return Arbitraries.integers().between(0, 1).array(int[].class).ofMaxSize(24);
    }

    @Property(tries = 2000)
    void namesShouldBeEqualExactlyForEqualPrefixes(
            @ForAll("prompts") int[] a,
            @ForAll("prompts") int[] b,
            @ForAll @IntRange(max = 2) int layoutA,
            @ForAll @IntRange(max = 2) int layoutB,
            @ForAll boolean otherTenant,
            @ForAll @IntRange(min = 1, max = 4) int blockSize) {
        // When
        List<BlockName> namesA = BlockNames.of(LAYOUTS.get(layoutA), "t", a, blockSize);
        List<BlockName> namesB = BlockNames.of(LAYOUTS.get(layoutB), otherTenant ? "u" : "t", b, blockSize);

        // Then
        for (int i = 0; i < Math.min(namesA.size(), namesB.size()); i++) {
            int end = (i + 1) * blockSize;
            boolean same = layoutA == layoutB && !otherTenant && Arrays.equals(a, 0, end, b, 0, end);
            assertThat(namesA.get(i).equals(namesB.get(i))).isEqualTo(same);
        }
    }

    @Property
    void namesOfALongerPromptShouldBeginWithThoseOfTheShorter(
            @ForAll("prompts") int[] prompt, @ForAll @IntRange(max = 24) int cut) {
        int[] shorter = Arrays.copyOf(prompt, Math.min(cut, prompt.length));

        List<BlockName> names = BlockNames.of(LAYOUTS.get(0), "", shorter, 2);
        assertThat(BlockNames.of(LAYOUTS.get(0), "", prompt, 2).subList(0, names.size()))
                .isEqualTo(names);
    }
}
