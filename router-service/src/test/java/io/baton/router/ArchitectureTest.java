package io.baton.router;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.library.dependencies.SlicesRuleDefinition;
import org.junit.jupiter.api.Test;

class ArchitectureTest {
    private static final JavaClasses CLASSES = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("io.baton.router");

    @Test
    void shouldKeepTheStatesOfARequestPure() {
        noClasses()
                .that()
                .resideInAPackage("io.baton.router.life")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "io.baton.router.run..",
                        "io.baton.router.fleet..",
                        "io.baton.router.http..",
                        "io.baton.router.grpc..",
                        "io.grpc..",
                        "io.netty..",
                        "io.vertx..",
                        "org.jboss.logging..",
                        "java.util.concurrent..")
                .orShould()
                .callMethod(System.class, "nanoTime")
                .orShould()
                .callMethod(System.class, "currentTimeMillis")
                .check(CLASSES);
    }

    @Test
    void shouldKeepAdmissionPure() {
        noClasses()
                .that()
                .resideInAPackage("io.baton.router.admission")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "io.baton.router.run..",
                        "io.baton.router.fleet..",
                        "io.baton.router.config..",
                        "io.grpc..",
                        "io.netty..",
                        "io.vertx..",
                        "org.jboss.logging..",
                        "java.util.concurrent..")
                .orShould()
                .callMethod(System.class, "nanoTime")
                .orShould()
                .callMethod(System.class, "currentTimeMillis")
                .check(CLASSES);
    }

    @Test
    void shouldKeepTheOrchestrationFreeOfServers() {
        noClasses()
                .that()
                .resideInAnyPackage("io.baton.router.run", "io.baton.router.fleet", "io.baton.router.schedule")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.vertx..", "io.baton.router.http..", "io.baton.router.grpc..", "jakarta..")
                .check(CLASSES);
    }

    @Test
    void shouldDependInOneDirection() {
        SlicesRuleDefinition.slices()
                .matching("io.baton.router.(*)..")
                .should()
                .beFreeOfCycles()
                .check(CLASSES);
    }

    @Test
    void shouldStayFreeOfEngines() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.baton.engine..", "io.baton.transfer..")
                .check(CLASSES);
    }
}
