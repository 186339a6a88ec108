package io.baton.engine;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

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
}
