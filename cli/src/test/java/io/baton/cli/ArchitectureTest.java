package io.baton.cli;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

@AnalyzeClasses(packages = "io.baton.cli", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {
    @ArchTest
    static final ArchRule shouldKeepTheLauncherFreeOfCommands = noClasses()
            .that()
            .resideInAPackage("io.baton.cli.launch")
            .should()
            .dependOnClassesThat()
            .resideInAnyPackage("io.baton.cli", "io.baton.cli.bench", "picocli..");

    @ArchTest
    static final ArchRule shouldPrintOnlyThroughTheCommandLine = noClasses()
            .that()
            .resideInAPackage("io.baton.cli.launch")
            .should()
            .accessField(System.class, "out")
            .orShould()
            .accessField(System.class, "err");
}
