package io.baton.engine.chat;

import com.hubspot.jinjava.Jinjava;
import com.hubspot.jinjava.JinjavaConfig;
import com.hubspot.jinjava.LegacyOverrides;
import com.hubspot.jinjava.el.JinjavaNodePreProcessor;
import com.hubspot.jinjava.el.JinjavaProcessors;
import com.hubspot.jinjava.interpret.Context.Library;
import com.hubspot.jinjava.interpret.InterpretException;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.interpret.RenderResult;
import com.hubspot.jinjava.interpret.TemplateError;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import com.hubspot.jinjava.loader.ResourceNotFoundException;
import com.hubspot.jinjava.tree.Node;
import io.baton.engine.Tokenizer.ChatMessage;
import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * A chat template: Jinja as Hugging Face's transformers renders it, through jinjava.
 *
 * <p>Templates see {@code messages} (each with {@code role} and {@code content}), {@code add_generation_prompt}, {@code
 * bos_token}, {@code eos_token}, {@code raise_exception} and {@code strftime_now}; {@code tools} and {@code documents} are
 * not defined. They reach nothing else: no file, no class, no other template.
 *
 * <p>Limits: macros that call themselves, {@code %} between strings, a string times a number, strings side by side without
 * an operator, slices with a step other than {@code [::-1]}, filters and tests that jinjava does not know: all refused. Not
 * refused but different: {@code loop.previtem} and {@code loop.nextitem} are undefined, an undefined value {@code is none},
 * and true and false print in lower case.
 *
 * <p><em>Thread-safety:</em> immutable; renderings are independent.
 */
public final class ChatTemplate {
    /**
     * Bounds of a rendering.
     *
     * @param maxOutputChars most characters of the rendered prompt and of any string on the way
     * @param maxSteps most tags, expressions and texts rendered, loops unrolled
     */
    public record Limits(int maxOutputChars, int maxSteps) {
        /** 16 Mi characters: more than a million tokens; a million steps: some hundred thousand messages. */
        public static final Limits DEFAULT = new Limits(16 << 20, 1_000_000);
    }

    private final TemplateSource source;
    private final Map<String, Object> constants;
    private final Limits limits;
    private final Jinjava jinjava;

    private ChatTemplate(TemplateSource source, String bosText, String eosText, Limits limits) {
        this.source = source;
        this.limits = limits;
        Map<String, Object> fixed = new LinkedHashMap<>(source.literals());
        fixed.put("bos_token", bosText);
        fixed.put("eos_token", eosText);
        this.constants = Map.copyOf(fixed);
        this.jinjava = new Jinjava(config(limits, () -> {}));
        jinjava.setResourceLocator((name, charset, interpreter) -> {
            throw new ResourceNotFoundException("a chat template cannot read '" + name + "'");
        });
        jinjava.registerFunction(new ELFunctionDefinition(
                "", "raise_exception", TemplateFunctions.class, "raiseException", String.class));
        jinjava.registerFunction(
                new ELFunctionDefinition("", "strftime_now", TemplateFunctions.class, "strftimeNow", String.class));
        jinjava.registerFilter(new PythonJson());
        // Jinjava takes an unknown filter for nothing and an unknown test for false, without a word.
        for (String filter : source.filters()) {
            if (jinjava.getGlobalContext().getFilter(filter) == null) {
                throw TemplateSource.invalid("the filter '" + filter + "' is not known");
            }
        }
        for (String test : source.tests()) {
            if (jinjava.getGlobalContext().getExpTest(test) == null) {
                throw TemplateSource.invalid("the test '" + test + "' is not known");
            }
        }
    }

    /**
     * A template with the default limits.
     *
     * @param jinja the template
     * @param bosText text of the model's begin-of-sequence token, empty if it has none
     * @param eosText text of its end-of-sequence token, empty if it has none
     * @throws BatonException {@code INVALID_REQUEST} if the template cannot be read
     */
    public static ChatTemplate compile(String jinja, String bosText, String eosText) {
        return compile(jinja, bosText, eosText, Limits.DEFAULT);
    }

    /** A template with limits of its own. */
    public static ChatTemplate compile(String jinja, String bosText, String eosText, Limits limits) {
        return new ChatTemplate(TemplateSource.of(jinja), bosText, eosText, limits);
    }

    private static JinjavaConfig config(Limits limits, Runnable onStep) {
        return JinjavaConfig.newBuilder()
                // What was said is text, never template.
                .withNestedInterpretationEnabled(false)
                .withElResolver(new TemplateResolver())
                .withMaxOutputSize(limits.maxOutputChars())
                .withMaxStringLength(limits.maxOutputChars())
                .withMaxListSize(limits.maxSteps())
                .withMaxMapSize(limits.maxSteps())
                .withRangeLimit(limits.maxSteps())
                .withMaxRenderDepth(50)
                .withEnableRecursiveMacroCalls(false)
                .withDisabled(Map.of(
                        Library.TAG, Set.of("include", "import", "from", "extends", "block", "cycle", "ifchanged"),
                        Library.FILTER, Set.of("render", "log", "fromyaml", "toyaml", "random", "shuffle")))
                .withLegacyOverrides(LegacyOverrides.newBuilder()
                        .withEvaluateMapKeys(true)
                        .withIterateOverMapKeys(true)
                        .withUsePyishObjectMapper(true)
                        .withUseNaturalOperatorPrecedence(true)
                        .withAllowAdjacentTextNodes(true)
                        .withKeepNullableLoopValues(true)
                        .build())
                .withProcessors(JinjavaProcessors.newBuilder()
                        .withNodePreProcessor(new JinjavaNodePreProcessor() {
                            @Override
                            public void accept(Node node, JinjavaInterpreter interpreter) {
                                onStep.run();
                                super.accept(node, interpreter);
                            }
                        })
                        .build())
                .build();
    }

    /**
     * Renders a conversation.
     *
     * @param addGenerationPrompt whether to open the assistant's turn
     * @throws BatonException {@code INVALID_REQUEST} if the template refuses the messages, fails or exceeds a limit
     */
    public String render(List<ChatMessage> messages, boolean addGenerationPrompt) {
        Map<String, Object> variables = new LinkedHashMap<>(constants);
        List<Map<String, Object>> said = new ArrayList<>(messages.size());
        for (ChatMessage m : messages) {
            Map<String, Object> message = new LinkedHashMap<>();
            message.put("role", m.role());
            message.put("content", m.content());
            said.add(message);
        }
        variables.put("messages", said);
        variables.put("add_generation_prompt", addGenerationPrompt);
        int[] steps = {0};
        JinjavaConfig config = config(limits, () -> {
            if (++steps[0] > limits.maxSteps()) {
                throw new StepsExceeded();
            }
        });
        try {
            RenderResult result = jinjava.renderForResult(source.text(), variables, config);
            for (TemplateError error : result.getErrors()) {
                if (error.getSeverity() == TemplateError.ErrorType.FATAL
                        || error.getReason() == TemplateError.ErrorReason.EXCEPTION) {
                    throw failure(error.getException(), error.getMessage());
                }
            }
            return result.getOutput();
        } catch (StepsExceeded | InterpretException e) {
            throw failure(e, e.getMessage());
        }
    }

    private BatonException failure(@Nullable Throwable cause, @Nullable String message) {
        for (Throwable t = cause; t != null; t = t.getCause()) {
            if (t instanceof BatonException e) {
                return e;
            }
            if (t instanceof StepsExceeded) {
                return new BatonException(
                        ErrorCode.INVALID_REQUEST,
                        "the model's chat template takes more than " + limits.maxSteps()
                                + " steps for these messages; send fewer messages",
                        t);
            }
        }
        String text = "the model's chat template failed: " + message;
        return cause == null
                ? new BatonException(ErrorCode.INVALID_REQUEST, text)
                : new BatonException(ErrorCode.INVALID_REQUEST, text, cause);
    }

    private static final class StepsExceeded extends RuntimeException {
        private static final long serialVersionUID = 1L;

        StepsExceeded() {
            super("too many steps", null, false, false);
        }
    }
}
