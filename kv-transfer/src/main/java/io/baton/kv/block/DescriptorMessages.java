package io.baton.kv.block;

import io.baton.kv.v1.KvDescriptor;
import io.baton.kv.v1.KvLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Descriptors as the messages of the legs carry them: many in one message, and without the layout, which both workers know
 * from the legs' first messages. What is signed, compared and pulled with is the whole descriptor.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class DescriptorMessages {
    /**
     * Most descriptors in one message; the protos say so too. One without layout has some hundred bytes, and hardly a
     * kilobyte with the longest names and addresses, so a message stays far below the 4 MiB that gRPC takes by default.
     */
    public static final int MAX_BLOCKS = 256;

    private DescriptorMessages() {}

    /** What the messages that tell of {@code blocks} carry, in order; none for no block. */
    public static List<List<KvDescriptor>> split(List<KvDescriptor> blocks) {
        List<List<KvDescriptor>> messages = new ArrayList<>();
        for (int from = 0; from < blocks.size(); from += MAX_BLOCKS) {
            messages.add(blocks.subList(from, Math.min(blocks.size(), from + MAX_BLOCKS)).stream()
                    .map(d -> d.toBuilder().clearLayout().build())
                    .toList());
        }
        return messages;
    }

    /** The descriptor as its holder signed it; one that has a layout of its own keeps it, right or wrong. */
    public static KvDescriptor whole(KvDescriptor block, KvLayout layout) {
        return block.hasLayout() ? block : block.toBuilder().setLayout(layout).build();
    }
}
