package io.baton.router.http;

/** The two ways to ask for a generation. */
enum ApiKind {
    /** /v1/completions. */
    COMPLETION("cmpl-", "text_completion", "text_completion"),
    /** /v1/chat/completions. */
    CHAT("chatcmpl-", "chat.completion", "chat.completion.chunk");

    private final String idPrefix;
    private final String object;
    private final String chunkObject;

    ApiKind(String idPrefix, String object, String chunkObject) {
        this.idPrefix = idPrefix;
        this.object = object;
        this.chunkObject = chunkObject;
    }

    String idPrefix() {
        return idPrefix;
    }

    String object() {
        return object;
    }

    String chunkObject() {
        return chunkObject;
    }
}
