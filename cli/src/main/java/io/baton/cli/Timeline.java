package io.baton.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.protobuf.Descriptors.FieldDescriptor;
import com.google.protobuf.Message;
import io.baton.inference.v1.GenerateFinished;
import io.baton.inference.v1.Timing;
import io.baton.inference.v1.Usage;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Writes down where the time of a request went. */
final class Timeline {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final double KIB = 1 << 10;
    private static final double MIB = 1 << 20;

    private Timeline() {}

    /** One line, in the order in which things happened. */
    static String line(GenerateFinished finished) {
        Timing t = finished.getTiming();
        Usage u = finished.getUsage();
        List<String> parts = new ArrayList<>();
        boolean local = t.getPrefillWorker().isEmpty() && t.getDecodeComputedTokens() > 0;
        parts.add("queue " + ms(t.getQueueUs()));
        parts.add("prefill " + tokens(local ? t.getDecodeComputedTokens() : t.getPrefillComputedTokens())
                + (u.getPrefillCachedTokens() > 0 ? " + " + u.getPrefillCachedTokens() + " cached" : "") + " in "
                + ms(t.getPrefillUs()) + at(local ? t.getDecodeWorker() : t.getPrefillWorker()));
        parts.add("first token at " + ms(t.getFirstTokenUs()));
        if (!local) {
            parts.add("KV " + size(t.getKvBytes()) + ", " + t.getBlocksPulled() + " blocks pulled, "
                    + t.getBlocksReused() + " reused");
        }
        if (t.getSecondTokenUs() > 0) {
            parts.add("second token at " + ms(t.getSecondTokenUs()));
        }
        // The first token is the prompt's; decode's time begins where it joins the batch.
        int decoded = finished.getCompletion().getCompletionTokens() - 1;
        if (decoded > 0 && t.getDecodeUs() > 0) {
            parts.add(String.format(
                    Locale.ROOT,
                    "decode %s at %.0f/s%s",
                    tokens(decoded),
                    decoded * 1e6 / t.getDecodeUs(),
                    at(t.getDecodeWorker())));
        }
        parts.add("total " + ms(t.getTotalUs()));
        return String.join(" | ", parts);
    }

    /** A message with numbers and strings only, under the names of the protocol; zeros included. */
    static ObjectNode json(Message message) {
        ObjectNode node = JSON.createObjectNode();
        for (FieldDescriptor field : message.getDescriptorForType().getFields()) {
            node.putPOJO(field.getName(), message.getField(field));
        }
        return node;
    }

    private static String tokens(int n) {
        return n == 1 ? "1 token" : n + " tokens";
    }

    private static String size(long bytes) {
        return bytes < MIB
                ? String.format(Locale.ROOT, "%.1f KiB", bytes / KIB)
                : String.format(Locale.ROOT, "%.2f MiB", bytes / MIB);
    }

    private static String at(String worker) {
        return worker.isEmpty() ? "" : " (" + worker + ")";
    }

    private static String ms(long us) {
        return String.format(Locale.ROOT, us < 100_000 ? "%.1f ms" : "%.0f ms", us / 1e3);
    }
}
