package io.baton.kv;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.Architectures;

@AnalyzeClasses(packages = "io.baton", importOptions = DoNotIncludeTests.class)
class ArchitectureTest {
    @ArchTest
    static final ArchRule kvTransferShouldKnowOnlyTheEngineInterface = noClasses()
            .that()
            .resideInAnyPackage(
                    "io.baton.kv.block..", "io.baton.kv.store..", "io.baton.kv.lease..", "io.baton.kv.transfer..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage(
                    "io.baton.engine.*..",
                    "io.baton.worker..",
                    "io.baton.prefill..",
                    "io.baton.decode..",
                    "io.baton.router..");

    @ArchTest
    static final ArchRule kvTransferShouldBePlainJava = noClasses()
            .that()
            .resideInAnyPackage("io.baton.kv..", "io.baton.worker..")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.quarkus..", "jakarta..", "io.vertx..", "io.smallrye.mutiny..");

    @ArchTest
    static final ArchRule kvTransferShouldUseFewLibraries = classes()
            .that()
            .resideInAnyPackage(
                    "io.baton.kv.key..",
                    "io.baton.kv.block..",
                    "io.baton.kv.store..",
                    "io.baton.kv.lease..",
                    "io.baton.kv.transfer..")
            .should()
            .onlyDependOnClassesThat()
            .resideInAnyPackage(
                    "java..",
                    "javax.crypto..",
                    "io.baton.kv..",
                    "io.baton.engine",
                    "io.baton.error",
                    "io.baton.grpc",
                    "io.baton.tls",
                    "io.grpc..",
                    "io.netty..",
                    "com.google.protobuf..",
                    "org.jspecify..");

    @ArchTest
    static final ArchRule packagesShouldPointOneWay = Architectures.layeredArchitecture()
            .consideringOnlyDependenciesInLayers()
            .layer("transfer")
            .definedBy("io.baton.kv.transfer..")
            .layer("lease")
            .definedBy("io.baton.kv.lease..")
            .layer("store")
            .definedBy("io.baton.kv.store..")
            .layer("block")
            .definedBy("io.baton.kv.block..")
            .whereLayer("transfer")
            .mayNotBeAccessedByAnyLayer()
            .whereLayer("lease")
            .mayOnlyBeAccessedByLayers("transfer")
            .whereLayer("store")
            .mayOnlyBeAccessedByLayers("lease", "transfer");
}
