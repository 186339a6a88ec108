package io.baton.decode.service;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

@AnalyzeClasses(packages = "io.baton", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
    @ArchTest
    static final ArchRule NO_OTHER_SERVICE = noClasses()
            .that()
            .resideInAPackage("io.baton.decode.service..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.baton.prefill.service..", "io.baton.router..", "io.baton.cli..");

    @ArchTest
    static final ArchRule NO_PARTICULAR_ENGINE = noClasses()
            .that()
            .resideInAnyPackage("io.baton.decode.service..", "io.baton.kv..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.baton.engine.llamacpp..", "io.baton.engine.simulated..");

    @ArchTest
    static final ArchRule ONE_FACTORY_KNOWS_THE_ENGINES = noClasses()
            .that()
            .resideInAPackage("io.baton.worker..")
            .and()
            .doNotHaveSimpleName("EngineFactory")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.baton.engine.llamacpp..", "io.baton.engine.simulated..");

    @ArchTest
    static final ArchRule LEGS_WITHOUT_QUARKUS = noClasses()
            .that()
            .resideInAnyPackage("io.baton.decode.service.leg..", "io.baton.decode.service.vllm..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.quarkus..", "jakarta..", "org.eclipse.microprofile..");

    @ArchTest
    static final ArchRule TWO_KINDS_OF_LEGS_APART = noClasses()
            .that()
            .resideInAPackage("io.baton.decode.service.leg..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.baton.decode.service.vllm..", "io.baton.worker.vllm..", "io.baton.engine.vllm..");

    @ArchTest
    static final ArchRule LEGS_BESIDE_VLLM_WITHOUT_BLOCKS = noClasses()
            .that()
            .resideInAPackage("io.baton.decode.service.vllm..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                    "io.baton.decode.service.leg..",
                    "io.baton.kv.store..",
                    "io.baton.kv.transfer..",
                    "io.baton.kv.lease..");
}
