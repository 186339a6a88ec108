package io.baton.router.request;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import io.baton.inference.v1.Model;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Finds the model that a request means.
 *
 * <p><em>Thread-safety:</em> stateless.
 */
public final class Models {
    private Models() {}

    /**
     * The model's name.
     *
     * @param wanted what the request says; empty for the only one
     * @param known the models of the fleet, whether or not they can be served now
     * @throws BatonException NO_WORKER if nothing is known, MODEL_NOT_FOUND or INVALID_REQUEST if it is not clear which is meant
     */
    public static String resolve(String wanted, List<Model> known) {
        if (known.isEmpty()) {
            throw new BatonException(ErrorCode.NO_WORKER, "no worker has connected yet; retry later");
        }
        if (wanted.isEmpty()) {
            if (known.size() == 1) {
                return known.getFirst().getId();
            }
            throw new BatonException(
                    ErrorCode.INVALID_REQUEST, "model: must be set, because there are several: " + names(known));
        }
        for (Model model : known) {
            if (model.getId().equals(wanted)) {
                return wanted;
            }
        }
        String shown = wanted.length() <= 128 ? wanted : wanted.substring(0, 128) + "…";
        throw new BatonException(
                ErrorCode.MODEL_NOT_FOUND, "model '" + shown + "' is not served here; use one of: " + names(known));
    }

    private static String names(List<Model> known) {
        return known.stream().map(Model::getId).collect(Collectors.joining(", "));
    }
}
