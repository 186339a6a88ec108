package io.baton.router.schedule;

/**
 * What a worker measured of itself, in seconds and bytes per second; 0 where nothing was measured.
 *
 * @param prefillBase time of a prompt that does not depend on its length
 * @param prefillToken time of a prompt per computed token
 * @param stepBase time of a step that does not depend on its sequences
 * @param stepSequence time of a step per generating sequence
 * @param pullBytes KV bytes per second of a pull
 */
public record Rates(double prefillBase, double prefillToken, double stepBase, double stepSequence, double pullBytes) {
    /** Nothing was measured. */
    public static final Rates UNKNOWN = new Rates(0, 0, 0, 0, 0);

    boolean knowsPrefill() {
        return prefillToken > 0 || prefillBase > 0;
    }

    boolean knowsStep() {
        return stepBase > 0 || stepSequence > 0;
    }
}
