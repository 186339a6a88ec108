package io.baton.engine.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.protobuf.ByteString;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.util.Arrays;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;

class TokenIdsTest {
    @Test
    void shouldBeLittleEndian() {
        assertThat(TokenIds.encode(1, 0x01020304).toByteArray()).containsExactly(1, 0, 0, 0, 4, 3, 2, 1);
        assertThat(TokenIds.encode(new int[] {7, 8, 9}, 1, 2).toByteArray()).containsExactly(8, 0, 0, 0);
    }

    @Property
    void shouldComeBackAsTheyWere(@ForAll int[] raw) {
        int[] ids = Arrays.stream(raw).map(i -> i & Integer.MAX_VALUE >> 1).toArray();
        assertThat(TokenIds.decode(TokenIds.encode(ids), Integer.MAX_VALUE, "x"))
                .isEqualTo(ids);
    }

    @Test
    void shouldRefuseBrokenAndForeignIds() {
        assertThatThrownBy(() -> TokenIds.decode(ByteString.copyFrom(new byte[5]), 10, "prompt.token_ids"))
                .hasMessageContaining("prompt.token_ids has 5 bytes");
        assertThatThrownBy(() -> TokenIds.decode(TokenIds.encode(1, 10), 10, "prompt.token_ids"))
                .hasMessageContaining("prompt.token_ids[1] is 10")
                .isInstanceOfSatisfying(
                        BatonException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.INVALID_REQUEST));
        assertThatThrownBy(() -> TokenIds.decode(TokenIds.encode(-1), 10, "x")).isInstanceOf(BatonException.class);
    }
}
