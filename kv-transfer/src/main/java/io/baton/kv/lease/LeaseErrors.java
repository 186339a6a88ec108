package io.baton.kv.lease;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.v1.KvDescriptor;

/**
 * What a holder answers to a descriptor that it does not honour.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
final class LeaseErrors {
    private LeaseErrors() {}

    static BatonException refused(String why) {
        return new BatonException(ErrorCode.DESCRIPTOR_REFUSED, "KV descriptor refused by its holder: " + why);
    }

    static BatonException otherReceiver(String receiver, String claimed) {
        return new BatonException(
                ErrorCode.RECEIVER_MISMATCH,
                "refused by the holder: the lease is for receiver '" + receiver + "', not for '" + claimed + "'");
    }

    static BatonException otherTenant() {
        return new BatonException(ErrorCode.TENANT_MISMATCH, "refused by the holder: the lease is of another tenant");
    }

    static BatonException otherEpoch() {
        return new BatonException(
                ErrorCode.EPOCH_MISMATCH,
                "refused by the holder: the descriptor is of another epoch, the holder was restarted since; prefill again");
    }

    static BatonException otherLayout(String requestId, int blockIndex) {
        return new BatonException(
                ErrorCode.LAYOUT_MISMATCH,
                "block " + blockIndex + " of request " + requestId + " has another KV layout at its holder");
    }

    static BatonException spent(String requestId, int blockIndex) {
        return new BatonException(
                ErrorCode.BLOCK_SPENT,
                "block " + blockIndex + " of request " + requestId + " was acknowledged; its descriptor is used up");
    }

    static BatonException expired(String requestId) {
        return new BatonException(
                ErrorCode.LEASE_EXPIRED,
                "the lease of request " + requestId + " ran out, because nobody renewed it within lease-time;"
                        + " prefill again");
    }

    static BatonException givenUp(String requestId, int blockIndex) {
        return new BatonException(
                ErrorCode.BLOCK_NOT_FOUND,
                "block " + blockIndex + " of request " + requestId + " is not held here any more: its leg has ended");
    }

    static BatonException unknown(String requestId) {
        return new BatonException(
                ErrorCode.BLOCK_NOT_FOUND,
                "the lease of request " + requestId + " is not open here any more; prefill again");
    }

    /** Which field of a descriptor is not as it was given out. */
    static String difference(KvDescriptor d, KvDescriptor given) {
        for (var field : KvDescriptor.getDescriptor().getFields()) {
            if (!d.getField(field).equals(given.getField(field))) {
                return "its " + field.getName() + " differs";
            }
        }
        return "it has unknown fields";
    }
}
