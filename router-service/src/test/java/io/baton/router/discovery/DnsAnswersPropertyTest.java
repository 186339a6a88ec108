package io.baton.router.discovery;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.nio.NioEventLoopGroup;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;
import org.jspecify.annotations.Nullable;

/** Whatever a DNS server answers: addresses, that there are none, or a failure comes of it, and the next question is asked as ever. */
class DnsAnswersPropertyTest {
    private static final String NAME = "workers.test";
    private static final Lookup RIGHT = new Lookup.Found(new java.util.TreeSet<>(List.of("10.1.2.3")));

    @SuppressWarnings("NullAway.Init")
    private static Liar liar;

    @SuppressWarnings("NullAway.Init")
    private static NioEventLoopGroup group;

    /** A DNS server over UDP that answers A questions with 10.1.2.3, or with that answer spoilt. */
    private static final class Liar implements AutoCloseable {
        private final DatagramSocket socket;
        private volatile @Nullable Random spoil;

        Liar() {
            try {
                socket = new DatagramSocket(0, InetAddress.getLoopbackAddress());
            } catch (SocketException e) {
                throw new UncheckedIOException(e);
            }
            Thread.ofPlatform().daemon().start(this::serve);
        }

        private void serve() {
            byte[] buffer = new byte[4096];
            while (!socket.isClosed()) {
                var packet = new DatagramPacket(buffer, buffer.length);
                try {
                    socket.receive(packet);
                    byte[] answer = answer(Arrays.copyOf(buffer, packet.getLength()));
                    Random random = spoil;
                    if (random != null) {
                        answer = spoilt(answer, random);
                    }
                    socket.send(new DatagramPacket(answer, answer.length, packet.getSocketAddress()));
                } catch (IOException e) {
                    // Closed, or the asker has gone: the test judges by what the asker got.
                }
            }
        }

        /** The question itself with one answer (RFC 1035, section 4.1). */
        private static byte[] answer(byte[] question) {
            int end = 12;
            while (question[end] != 0) {
                end += question[end] + 1;
            }
            end += 5;
            ByteBuffer out = ByteBuffer.allocate(end + 16);
            out.put(question, 0, 2)
                    .putShort((short) 0x8180)
                    .putShort((short) 1)
                    .putShort((short) 1)
                    .putInt(0);
            out.put(question, 12, end - 12);
            out.putShort((short) 0xc00c)
                    .putShort((short) 1)
                    .putShort((short) 1)
                    .putInt(5)
                    .putShort((short) 4);
            return out.put(new byte[] {10, 1, 2, 3}).array();
        }

        private static byte[] spoilt(byte[] answer, Random random) {
            byte[] out =
                    random.nextInt(4) == 0 ? Arrays.copyOf(answer, 2 + random.nextInt(answer.length + 40)) : answer;
            for (int n = 1 + random.nextInt(3); n > 0; n--) {
                // The number of the question mostly stays: an answer to no question is thrown away unread.
                int at = random.nextInt(10) == 0
                        ? random.nextInt(2)
                        : Math.min(out.length - 1, 2 + random.nextInt(out.length));
                out[at] = (byte)
                        (random.nextBoolean()
                                ? random.nextInt(256)
                                : List.of(0, 0xc0, 0xff, 1, 28).get(random.nextInt(5)));
            }
            return out;
        }

        @Override
        public void close() {
            socket.close();
        }
    }

    @BeforeContainer
    static void open() {
        liar = new Liar();
        group = new NioEventLoopGroup(1);
    }

    @AfterContainer
    static void close() {
        liar.close();
        group.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
    }

    private static Lookup lookup(Duration timeout) throws InterruptedException {
        String address = "127.0.0.1:" + liar.socket.getLocalPort();
        try (DnsClient client =
                new DnsClient(new ResolvConf(List.of(), List.of(), 1), List.of(address), timeout, group.next())) {
            return client.lookup(NAME);
        }
    }

    @Property(tries = 500)
    void anAnswerShouldBeReadOrTakenForAFailure(@ForAll long seed) throws InterruptedException {
        // Given
        liar.spoil = new Random(seed);
        // When
        Lookup lookup = lookup(Duration.ofMillis(15));
        // Then
        switch (lookup) {
            case Lookup.Found(var hosts) ->
                assertThat(hosts).isNotEmpty().allSatisfy(h -> assertThat(h).matches("[0-9.]+|\\[[0-9a-f:.]+]"));
            case Lookup.Absent(String why) -> assertThat(why).isNotBlank();
            case Lookup.Failed(String why) -> assertThat(why).isNotBlank();
        }
    }

    @Property(tries = 20)
    void theNextQuestionShouldBeAskedAsEver(@ForAll long seed) throws InterruptedException {
        // Given
        liar.spoil = new Random(seed);
        lookup(Duration.ofMillis(15));
        // When
        liar.spoil = null;
        // Then
        assertThat(lookup(Duration.ofSeconds(20))).isEqualTo(RIGHT);
    }
}
