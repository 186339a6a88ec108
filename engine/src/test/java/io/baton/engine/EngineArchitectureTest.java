package io.baton.engine;

import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.type;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.lang.foreign.MemorySegment;

@AnalyzeClasses(packages = "io.baton.engine", importOptions = ImportOption.DoNotIncludeTests.class)
class EngineArchitectureTest {
    @ArchTest
    static final ArchRule interfaceKnowsNoImplementation = noClasses()
            .that()
            .resideInAPackage("io.baton.engine")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.baton.engine.*..");

    @ArchTest
    static final ArchRule helpersKnowNoEngine = noClasses()
            .that()
            .resideInAnyPackage("io.baton.engine.sampling..", "io.baton.engine.text..", "io.baton.engine.chat..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.baton.engine.llamacpp..", "io.baton.engine.simulated..");

    @ArchTest
    static final ArchRule samplingKnowsNoText = noClasses()
            .that()
            .resideInAPackage("io.baton.engine.sampling..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.baton.engine.text..", "io.baton.engine.chat..");

    @ArchTest
    static final ArchRule textAndChatAreApart = noClasses()
            .that()
            .resideInAPackage("io.baton.engine.text..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.baton.engine.chat..", "io.baton.engine.sampling..");

    @ArchTest
    static final ArchRule chatKnowsNeither = noClasses()
            .that()
            .resideInAPackage("io.baton.engine.chat..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.baton.engine.text..", "io.baton.engine.sampling..");

    @ArchTest
    static final ArchRule enginesDoNotKnowEachOther = noClasses()
            .that()
            .resideInAPackage("io.baton.engine.simulated..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("io.baton.engine.llamacpp..");

    @ArchTest
    static final ArchRule nativeEngineDoesNotKnowTheSimulatedOne = noClasses()
            .that()
            .resideInAPackage("io.baton.engine.llamacpp..")
            .should()
            .dependOnClassesThat()
            .resideInAPackage("io.baton.engine.simulated..")
            .allowEmptyShould(true);

    @ArchTest
    static final ArchRule noServiceFramework = noClasses()
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.quarkus..", "io.netty..", "io.vertx..", "jakarta..");

    @ArchTest
    static final ArchRule clientOfVllmKnowsNoEngine = noClasses()
            .that()
            .resideInAPackage("io.baton.engine.vllm..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.baton.engine.llamacpp..", "io.baton.engine.simulated..", "io.baton.engine");

    @ArchTest
    static final ArchRule onlyTheSeamCallsC = noClasses()
            .that()
            .resideOutsideOfPackage("io.baton.engine.llamacpp.ffi")
            .should()
            .dependOnClassesThat()
            .haveNameMatching("java\\.lang\\.foreign\\.(Linker|SymbolLookup|FunctionDescriptor).*")
            .orShould()
            .dependOnClassesThat()
            .resideInAnyPackage("org.graalvm..", "com.oracle.svm..");

    @ArchTest
    static final ArchRule nobodyKnowsWhichSeamItIs = noClasses()
            .that()
            .resideOutsideOfPackage("io.baton.engine.llamacpp.ffi")
            .should()
            .dependOnClassesThat()
            .haveNameMatching(".*\\.(ForeignCalls|ImageCalls|CurrentCalls.*)");

    /** What a native image may lack: see io.baton.engine.llamacpp.NativeValues. */
    @ArchTest
    static final ArchRule noAccessThroughVarHandles = noClasses()
            .should()
            .callMethodWhere(target(nameMatching("get|set|getAtIndex|setAtIndex|getString|setString"))
                    .and(target(owner(type(MemorySegment.class)))));
}
