package io.baton.kv.transfer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.baton.kv.block.HolderAddress;
import io.grpc.ConnectivityState;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class ChannelPoolTest {
    private static final HolderAddress A = new HolderAddress("a", 1);
    private static final HolderAddress B = new HolderAddress("b", 1);

    private final List<HolderAddress> opened = new ArrayList<>();
    private final List<BrokenChannel> channels = new ArrayList<>();
    private final ChannelPool pool = new ChannelPool(1, holder -> {
        opened.add(holder);
        channels.add(new BrokenChannel(BrokenChannel.At.NEW_CALL));
        return channels.getLast();
    });

    @Test
    void shouldTryANewConnectionAtOnceWhereTheOldOneCouldNotBeMade() {
        // Given: gRPC would not try for a while
        ChannelPool.Use old = pool.acquire(A);
        channels.getFirst().state = ConnectivityState.TRANSIENT_FAILURE;

        // When
        ChannelPool.Use next = pool.acquire(A);

        // Then
        assertThat(opened).containsExactly(A, A);
        assertThat(next.channel()).isSameAs(channels.getLast());
        assertThat(pool.size()).isEqualTo(1);
        old.close();
        next.close();
        assertThat(pool.uses()).isZero();
    }

    @Test
    void shouldCountAUseUntilItIsClosedOnce() {
        // Given
        ChannelPool.Use first = pool.acquire(A);
        ChannelPool.Use second = pool.acquire(A);
        assertThat(pool.uses()).isEqualTo(2);

        // When
        first.close();
        first.close();

        // Then
        assertThat(pool.uses()).isEqualTo(1);
        assertThatThrownBy(() -> pool.acquire(B)).hasMessageContaining("max-channels");
        second.close();
        assertThat(pool.uses()).isZero();
        assertThat(opened).containsExactly(A);
    }

    @Test
    void shouldCountNoUseThatWasRefused() {
        try (ChannelPool.Use use = pool.acquire(A)) {
            assertThatThrownBy(() -> pool.acquire(B)).hasMessageContaining("max-channels");
            assertThat(pool.uses()).isEqualTo(1);
            assertThat(use.channel()).isNotNull();
        }
        assertThat(pool.uses()).isZero();
    }

    @Test
    void shouldCountNoUseOfAConnectionThatCannotBeMade() {
        var broken = new ChannelPool(1, _ -> {
            throw new IllegalArgumentException("no such host");
        });

        assertThatThrownBy(() -> broken.acquire(A)).hasMessage("no such host");

        assertThat(broken.uses()).isZero();
        assertThat(broken.size()).isZero();
    }

    @Test
    void shouldEndAUseAfterThePoolWasClosed() {
        ChannelPool.Use use = pool.acquire(A);
        pool.close();

        use.close();

        assertThat(pool.uses()).isZero();
        assertThatThrownBy(() -> pool.acquire(A)).hasMessageContaining("closed");
    }

    @Test
    void shouldNotCountTheEndOfAnOldUseAgainstANewConnection() {
        // Given a use that ended twice, and a connection to the same holder that was made after it was evicted
        ChannelPool.Use old = pool.acquire(A);
        old.close();
        pool.acquire(B).close();
        ChannelPool.Use again = pool.acquire(A);

        // When
        old.close();

        // Then
        assertThat(pool.uses()).isEqualTo(1);
        assertThatThrownBy(() -> pool.acquire(B)).hasMessageContaining("max-channels");
        again.close();
    }
}
