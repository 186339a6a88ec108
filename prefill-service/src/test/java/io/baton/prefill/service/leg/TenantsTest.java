package io.baton.prefill.service.leg;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import io.baton.engine.simulated.SimulatedEngineConfig;
import io.baton.engine.text.TokenIds;
import io.baton.inference.v1.Prompt;
import io.baton.kv.block.BlockName;
import io.baton.kv.block.BlockNames;
import io.baton.kv.block.DescriptorMessages;
import io.baton.kv.block.Descriptors;
import io.baton.kv.v1.KvDescriptor;
import io.baton.prefill.v1.PrefillResponse;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What one tenant can learn of another's prompts where the cluster has keys: nothing from what is counted as cached, and nothing
 * from the names of blocks. (Time is another matter: tenants share the machine.)
 */
class TenantsTest {
    private static final int BLOCK = TestWorker.BLOCK;
    private static final int BLOCKS = 4;
    private static final int[] SECRET = TokenIds.decode(
            TestRouter.ids(BLOCKS * BLOCK + 3, 1).getTokenIds(), Integer.MAX_VALUE, "the victim's prompt");

    @TempDir
    @SuppressWarnings("NullAway.Init")
    Path directory;

    @SuppressWarnings("NullAway.Init")
    private TestWorker worker;

    private static String key(String id, int fill) {
        byte[] secret = new byte[32];
        Arrays.fill(secret, (byte) fill);
        return id + " " + Base64.getEncoder().encodeToString(secret) + "\n";
    }

    private TestWorker worker(int namesSecret) throws IOException {
        Path keys = directory.resolve("keys-" + namesSecret);
        Files.writeString(keys, key("names", namesSecret) + key("k1", 77));
        return new TestWorker(SimulatedEngineConfig.withoutDelays(), Map.of("baton.kv.keys-file", keys.toString()));
    }

    @BeforeEach
    void open() throws IOException {
        worker = worker(1);
    }

    @AfterEach
    void close() {
        worker.close();
    }

    /** What is told of a prompt: how much of it was cached, by three counts that must agree, and its blocks. */
    private record Told(int cachedTokens, List<KvDescriptor> blocks) {
        List<ByteString> names() {
            return blocks.stream()
                    .map(KvDescriptor::getBlockName)
                    .filter(n -> !n.isEmpty())
                    .toList();
        }
    }

    private static Told run(TestWorker worker, String tenant, int[] tokens) {
        TestRouter router = worker.router();
        router.send(router.start(
                        Prompt.newBuilder().setTokenIds(TokenIds.encode(tokens)).build())
                .setTenant(tenant));
        int cachedBlocks = router.accepted().getCachedBlocks();
        router.go(TestWorker.RECEIVER);
        List<PrefillResponse> heard = router.untilFinished();
        List<KvDescriptor> blocks = heard.stream()
                .flatMap(r -> r.getBlocksReady().getBlocksList().stream())
                .map(d -> DescriptorMessages.whole(
                        d, Descriptors.toProto(worker.runtime.engine().kvLayout())))
                .toList();
        for (KvDescriptor d : blocks) {
            assertThat(d.getSignature().isEmpty()).isFalse();
            worker.runtime.signer().verify(d);
            try (Arena arena = Arena.ofShared()) {
                worker.puller.pull(d, arena.allocate(d.getSizeBytes())).join();
                worker.puller.acknowledge(d).join();
            }
        }
        router.halfClose();
        assertThat(router.end()).isNull();
        worker.awaitRest();
        var finished = heard.getLast().getFinished();
        assertThat(finished.getCachedTokens()).isEqualTo(cachedBlocks * BLOCK);
        assertThat(finished.getComputedTokens()).isEqualTo(tokens.length - finished.getCachedTokens());
        return new Told(finished.getCachedTokens(), blocks);
    }

    @Test
    void shouldCountNothingAsCachedThatAnotherTenantComputed() {
        // Given: the victim's prompt, of which the victim itself finds every full block again
        run(worker, "victim", SECRET);
        assertThat(run(worker, "victim", SECRET).cachedTokens()).isEqualTo(BLOCKS * BLOCK);

        // When others ask for it, or guess it block by block
        for (String other : List.of("attacker", "", "Victim", "victim ", "victim\0")) {
            for (int n = BLOCK + 1; n <= SECRET.length; n += BLOCK) {
                // Then: each finds what it asked for itself before, and nothing else
                int known = (n - 1) / BLOCK - 1;
                assertThat(run(worker, other, Arrays.copyOf(SECRET, n)).cachedTokens())
                        .as("%s, %d tokens", other, n)
                        .isEqualTo(known * BLOCK);
            }
        }
    }

    @Test
    void shouldNameBlocksSoThatTheNamesTellNothing() throws IOException {
        // Given
        List<ByteString> victims = run(worker, "victim", SECRET).names();
        assertThat(victims).hasSize(BLOCKS).doesNotHaveDuplicates();
        assertThat(run(worker, "victim", SECRET).names()).isEqualTo(victims);

        // When / Then: another tenant's names of the same prompt are others
        assertThat(run(worker, "attacker", SECRET).names()).hasSize(BLOCKS).doesNotContainAnyElementsOf(victims);

        // When / Then: whoever knows prompt, model and tenant, but no key, cannot say what the names are
        List<ByteString> guessed = BlockNames.of(worker.runtime.engine().kvLayout(), "victim", SECRET, BLOCK).stream()
                .map(BlockName::toByteString)
                .toList();
        assertThat(guessed).hasSize(BLOCKS).doesNotContainAnyElementsOf(victims);

        // When / Then: nor can whoever has another cluster's secret
        try (TestWorker elsewhere = worker(2)) {
            assertThat(run(elsewhere, "victim", SECRET).names()).hasSize(BLOCKS).doesNotContainAnyElementsOf(victims);
        }
    }
}
