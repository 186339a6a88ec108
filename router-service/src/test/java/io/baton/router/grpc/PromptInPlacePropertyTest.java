package io.baton.router.grpc;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.UnknownFieldSet;
import io.baton.inference.v1.ChatMessage;
import io.baton.inference.v1.ChatPrompt;
import io.baton.inference.v1.GenerateRequest;
import io.baton.inference.v1.Prompt;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.jspecify.annotations.Nullable;

/** Whatever bytes come, reading the prompt in place gives what the generated parser gives, or fails where it fails. */
class PromptInPlacePropertyTest {
    private static final List<String> TEXTS = List.of("", "x", "plain", "ä€", "😀", "a\u0000b", "long ".repeat(30));

    /** Tags of the request's, the prompt's and the conversation's fields, ends of groups, and bytes that are not UTF-8. */
    private static final byte[] TELLING = {
        0x0a,
        0x12,
        0x1a,
        0x22,
        0x2a,
        0x30,
        0x10,
        0x0b,
        0x0c,
        0x1b,
        0x1c,
        0,
        1,
        2,
        127,
        -1,
        -128,
        (byte) 0xc0,
        (byte) 0xed
    };

    private static String text(Random random) {
        return TEXTS.get(random.nextInt(TEXTS.size()));
    }

    private static boolean seldom(Random random) {
        return random.nextInt(8) == 0;
    }

    /** Fields that are unknown to every message here, some of them groups. */
    private static UnknownFieldSet unknown(Random random) {
        UnknownFieldSet.Builder fields = UnknownFieldSet.newBuilder();
        if (seldom(random)) {
            UnknownFieldSet.Field.Builder field = UnknownFieldSet.Field.newBuilder();
            switch (random.nextInt(4)) {
                case 0 -> field.addVarint(random.nextLong());
                case 1 -> field.addLengthDelimited(ByteString.copyFromUtf8(text(random)));
                case 2 -> field.addFixed32(random.nextInt());
                default -> field.addGroup(unknown(random));
            }
            fields.addField(20 + random.nextInt(3), field.build());
        }
        return fields.build();
    }

    private static Prompt prompt(Random random) {
        Prompt.Builder prompt = Prompt.newBuilder().setUnknownFields(unknown(random));
        switch (random.nextInt(7)) {
            case 0, 1 -> prompt.setText(text(random));
            case 2 -> prompt.setTokenIds(ByteString.copyFromUtf8(text(random)));
            case 3 -> {
                // Nothing of the oneof.
            }
            default -> {
                ChatPrompt.Builder chat = prompt.getChatBuilder().setUnknownFields(unknown(random));
                for (int n = random.nextInt(3); n > 0; n--) {
                    chat.addMessages(ChatMessage.newBuilder()
                            .setRole(text(random))
                            .setContent(text(random))
                            .setUnknownFields(unknown(random)));
                }
                if (random.nextBoolean()) {
                    chat.setAddGenerationPrompt(random.nextBoolean());
                }
            }
        }
        return prompt.build();
    }

    private static GenerateRequest request(Random random) {
        GenerateRequest.Builder request =
                GenerateRequest.newBuilder().setModel(text(random)).setUnknownFields(unknown(random));
        if (!seldom(random)) {
            request.setPrompt(prompt(random));
        }
        if (random.nextBoolean()) {
            request.getSamplingBuilder().setTemperature(random.nextFloat()).putLogitBias(random.nextInt(), 1);
            request.getStopBuilder().addStop(text(random)).addStopTokenIds(random.nextInt());
        }
        if (random.nextBoolean()) {
            request.setRequestId(text(random)).setTopLogprobs(random.nextInt());
        }
        return request.build();
    }

    /** One message's bytes, or those of several, which are one message too: repeated fields merge. */
    private static byte[] bytes(Random random) {
        ByteString all = request(random).toByteString();
        while (random.nextInt(3) == 0) {
            all = all.concat(request(random).toByteString());
        }
        return all.toByteArray();
    }

    private static byte[] spoilt(byte[] bytes, Random random) {
        byte[] result = bytes;
        for (int n = 1 + random.nextInt(3); n > 0; n--) {
            int from = random.nextInt(result.length + 1);
            int to = Math.min(result.length, from + random.nextInt(4));
            byte[] middle = switch (random.nextInt(4)) {
                case 0 -> new byte[] {(byte) random.nextInt(256)};
                case 1 -> new byte[] {TELLING[random.nextInt(TELLING.length)]};
                case 2 -> {
                    int at = random.nextInt(result.length + 1);
                    yield Arrays.copyOfRange(result, at, Math.min(result.length, at + random.nextInt(20)));
                }
                default -> new byte[0];
            };
            byte[] next = Arrays.copyOf(result, from + middle.length + result.length - to);
            System.arraycopy(middle, 0, next, from, middle.length);
            System.arraycopy(result, to, next, from + middle.length, result.length - to);
            result = next;
        }
        return result;
    }

    private static @Nullable GenerateRequest usual(byte[] bytes) {
        try {
            return GenerateRequest.parseFrom(bytes);
        } catch (InvalidProtocolBufferException _) {
            return null;
        }
    }

    private static @Nullable GenerateRequest inPlace(byte[] bytes) {
        try {
            return PromptInPlace.read(ByteString.copyFrom(bytes));
        } catch (InvalidProtocolBufferException _) {
            return null;
        }
    }

    private static void compare(byte[] bytes) {
        GenerateRequest expected = usual(bytes);
        GenerateRequest read = inPlace(bytes);
        assertThat(read).isEqualTo(expected);
        if (read != null && expected != null) {
            assertThat(read.toByteString()).isEqualTo(expected.toByteString());
        }
    }

    @Property(tries = 5_000)
    void aMessageShouldBeReadAsUsual(@ForAll long seed) {
        byte[] bytes = bytes(new Random(seed));
        assertThat(usual(bytes)).isNotNull();
        compare(bytes);
    }

    @Property(tries = 20_000)
    void aSpoiltMessageShouldBeReadOrRefusedAsUsual(@ForAll long seed) {
        Random random = new Random(seed);
        compare(spoilt(bytes(random), random));
    }

    @Property(tries = 2_000)
    void anyBytesShouldBeReadOrRefusedAsUsual(@ForAll byte[] bytes) {
        compare(bytes);
    }
}
