package io.baton.kv.transfer;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.kv.lease.LeaseTable;
import io.baton.kv.v1.RenewRequest;
import io.baton.kv.v1.RenewResponse;
import io.grpc.stub.StreamObserver;

/**
 * A receiver's renewals at the holder. A lease of another receiver ends the stream with an error; the end of the stream ends
 * no lease.
 *
 * <p><em>Thread-safety:</em> none needed; gRPC calls one after the other.
 */
final class RenewServerCall implements StreamObserver<RenewRequest> {
    /** Most leases in one request. */
    static final int MAX_LEASES = 1 << 16;

    private final KvTransferServer server;
    private final LeaseTable leases;
    private final StreamObserver<RenewResponse> responses;
    private boolean over;

    RenewServerCall(KvTransferServer server, LeaseTable leases, StreamObserver<RenewResponse> responses) {
        this.server = server;
        this.leases = leases;
        this.responses = responses;
    }

    @Override
    public void onNext(RenewRequest request) {
        if (over) {
            return;
        }
        try {
            responses.onNext(renew(request));
        } catch (BatonException e) {
            over = true;
            server.refused.add(e.code());
            responses.onError(e.toStatus());
        }
    }

    private RenewResponse renew(RenewRequest request) {
        server.checkPeer(request.getReceiver());
        if (request.getLeaseIdsCount() > MAX_LEASES) {
            throw new BatonException(
                    ErrorCode.PROTOCOL_VIOLATION,
                    request.getLeaseIdsCount() + " leases in one renewal; at most " + MAX_LEASES + " are taken");
        }
        RenewResponse.Builder response =
                RenewResponse.newBuilder().setLeaseTimeUs(leases.leaseTime().toNanos() / 1000);
        for (long id : request.getLeaseIdsList()) {
            if (!leases.renew(request.getHolderEpoch(), id, request.getReceiver())) {
                response.addEndedLeaseIds(id);
            }
        }
        return response.build();
    }

    @Override
    public void onError(Throwable t) {
        over = true;
    }

    @Override
    public void onCompleted() {
        if (!over) {
            over = true;
            responses.onCompleted();
        }
    }
}
