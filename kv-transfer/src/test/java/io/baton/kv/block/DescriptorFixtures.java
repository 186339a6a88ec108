package io.baton.kv.block;

import io.baton.engine.KvLayout;
import io.baton.kv.Layouts;
import io.baton.kv.v1.DescriptorKind;
import io.baton.kv.v1.KvDescriptor;

/** A descriptor that nothing is wrong with. */
final class DescriptorFixtures {
    static final KvLayout LAYOUT = Layouts.of(1024);
    static final BlockName NAME =
            BlockNames.of(LAYOUT, "", Layouts.tokens(64), 32).get(1);

    private DescriptorFixtures() {}

    static KvDescriptor good() {
        return KvDescriptor.newBuilder()
                .setKind(DescriptorKind.DESCRIPTOR_KIND_BATON)
                .setBlockName(NAME.toByteString())
                .setBlockIndex(1)
                .setTokenBegin(32)
                .setTokenEnd(64)
                .setLayout(Descriptors.toProto(LAYOUT))
                .setSizeBytes(32 * 1024)
                .setCrc32C(0x1234)
                .setHolderAddress("prefill-0.prefill:9000")
                .setHolderEpoch(7)
                .setLeaseId(8)
                .setRequestId("r1")
                .setAttempt(1)
                .setReceiver("decode-0")
                .build();
    }
}
