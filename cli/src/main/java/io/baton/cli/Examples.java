package io.baton.cli;

import io.baton.cli.launch.Fleet;
import java.util.List;

/**
 * Commands to paste into a shell.
 *
 * @param fleet the fleet that they talk to
 * @param model the model that they ask for
 * @param chat whether the model has a chat template
 * @param keyed whether the API asks for a key, which then is in the environment as {@code BATON_API_KEY}
 */
record Examples(Fleet fleet, String model, boolean chat, boolean keyed) {
    /** The same request by curl, grpcurl and this program. */
    List<String> lines(String prompt) {
        String http = chat
                ? "/v1/chat/completions -H 'Content-Type: application/json' -d '{\"model\":\"%s\",\"stream\":true,\"temperature\":0,\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}'"
                        .formatted(model, prompt)
                : "/v1/completions -H 'Content-Type: application/json' -d '{\"model\":\"%s\",\"stream\":true,\"temperature\":0,\"prompt\":\"%s\"}'"
                        .formatted(model, prompt);
        String grpc = chat
                ? "{\"prompt\":{\"chat\":{\"messages\":[{\"role\":\"user\",\"content\":\"%s\"}]}},\"sampling\":{\"temperature\":0}}"
                        .formatted(prompt)
                : "{\"prompt\":{\"text\":\"%s\"},\"sampling\":{\"temperature\":0}}".formatted(prompt);
        String header = keyed ? "-H \"Authorization: Bearer $BATON_API_KEY\" " : "";
        return List.of(
                "curl -N " + header + fleet.httpUrl() + http,
                "grpcurl -plaintext " + header + "-d '" + grpc + "' " + fleet.grpcAddress()
                        + " baton.inference.v1.InferenceService/Generate",
                "./baton generate --port " + fleet.state().port() + (chat ? "" : " --raw") + " \"" + prompt + "\"");
    }
}
