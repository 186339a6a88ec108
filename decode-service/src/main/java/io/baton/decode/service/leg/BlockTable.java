package io.baton.decode.service.leg;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * How far each block of a prompt is on its way into the reserved cells. A value: every change gives a new table.
 *
 * <p>Offers may come in any order. A block is fetched only after every block before it has been offered, and fetches are
 * begun in position order: so a block that holds store memory while it waits to be imported waits only for blocks that
 * hold theirs already, and legs cannot lock each other out of a full store. Imports go in position order.
 */
public final class BlockTable {
    /** How far a block is. */
    public enum Stage {
        /** Not offered yet. */
        MISSING,
        /** Offered; waits for the blocks before it. */
        OFFERED,
        /** Being looked up or pulled. */
        FETCHING,
        /** In the store and pinned. */
        HELD,
        /** On its way into the cells. */
        IMPORTING,
        /** In the cells. */
        LANDED
    }

    private final Stage[] stages;
    private final boolean[] offered;

    private BlockTable(Stage[] stages, boolean[] offered) {
        this.stages = stages;
        this.offered = offered;
    }

    /** A table of {@code blocks} blocks of which the first {@code cached} are in the store and pinned. */
    public static BlockTable of(int blocks, int cached) {
        Stage[] stages = new Stage[blocks];
        Arrays.fill(stages, Stage.MISSING);
        Arrays.fill(stages, 0, cached, Stage.HELD);
        return new BlockTable(stages, new boolean[blocks]);
    }

    /** Number of blocks. */
    public int size() {
        return stages.length;
    }

    /** How far block {@code index} is. */
    public Stage stage(int index) {
        return stages[index];
    }

    /** Whether block {@code index} was offered. */
    public boolean offered(int index) {
        return offered[index];
    }

    /** Block {@code index} was offered; one that is here already stays where it is. */
    BlockTable offer(int index) {
        if (offered[index]) {
            throw new IllegalStateException("block " + index + " was offered already");
        }
        boolean[] o = offered.clone();
        o[index] = true;
        Stage[] s = stages;
        if (stages[index] == Stage.MISSING) {
            s = stages.clone();
            s[index] = Stage.OFFERED;
        }
        return new BlockTable(s, o);
    }

    BlockTable fetching(int index) {
        return advance(index, Stage.OFFERED, Stage.FETCHING);
    }

    BlockTable held(int index) {
        return advance(index, Stage.FETCHING, Stage.HELD);
    }

    BlockTable importing(int index) {
        return advance(index, Stage.HELD, Stage.IMPORTING);
    }

    BlockTable landed(int index) {
        return advance(index, Stage.IMPORTING, Stage.LANDED);
    }

    private BlockTable advance(int index, Stage from, Stage to) {
        if (stages[index] != from) {
            throw new IllegalStateException(
                    "block " + index + " is " + stages[index] + "; only one that is " + from + " can become " + to);
        }
        Stage[] s = stages.clone();
        s[index] = to;
        return new BlockTable(s, offered);
    }

    /** Offered blocks whose turn to be fetched has come, in position order. */
    public List<Integer> fetchable() {
        List<Integer> indexes = new ArrayList<>();
        for (int i = 0; i < stages.length && stages[i] != Stage.MISSING; i++) {
            if (stages[i] == Stage.OFFERED) {
                indexes.add(i);
            }
        }
        return indexes;
    }

    /** Held blocks whose turn to be imported has come, in position order. */
    public List<Integer> importable() {
        List<Integer> indexes = new ArrayList<>();
        for (int i = 0; i < stages.length && stages[i].compareTo(Stage.HELD) >= 0; i++) {
            if (stages[i] == Stage.HELD) {
                indexes.add(i);
            }
        }
        return indexes;
    }

    /** Whether every block was offered or is here already. */
    public boolean nothingMissing() {
        for (Stage s : stages) {
            if (s == Stage.MISSING) {
                return false;
            }
        }
        return true;
    }

    /** Whether a block is here or offered, and not in the cells yet. */
    public boolean underWay() {
        for (Stage s : stages) {
            if (s != Stage.MISSING && s != Stage.LANDED) {
                return true;
            }
        }
        return false;
    }

    /** Blocks in the cells. */
    public int landedCount() {
        int n = 0;
        for (Stage s : stages) {
            n += s == Stage.LANDED ? 1 : 0;
        }
        return n;
    }

    /** Whether every block is in the cells. */
    public boolean allLanded() {
        return landedCount() == stages.length;
    }
}
