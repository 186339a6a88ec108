package io.baton.engine.llamacpp.library;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.util.Locale;

/**
 * The npm package that holds libllama for a platform.
 *
 * @param npmName name of the package
 * @param npmVersion its version
 * @param integrity {@code sha512-} and the SHA-512 of its archive in Base64, as the registry publishes it
 * @param libraries folder of the libraries inside the archive
 * @param llamaVersion version of libllama in it
 */
record LibraryPackage(String npmName, String npmVersion, String integrity, String libraries, String llamaVersion) {

    static final LibraryPackage LINUX_X64 = new LibraryPackage(
            "@node-llama-cpp/linux-x64",
            "3.22.1",
            "sha512-5uCCDNqWCNfaAm8aR/Uzxbo4HBpKgNF91kCHPepKhgMgV2OAmatoefbOlMihsqCiH2Od35E/eUHQCFbfRBJuOg==",
            "package/bins/linux-x64",
            "0.5.0");

    /** The package for a platform, by the system properties {@code os.name} and {@code os.arch}. */
    static LibraryPackage of(String osName, String osArch) {
        String os = osName.toLowerCase(Locale.ROOT);
        String arch = osArch.toLowerCase(Locale.ROOT);
        if (os.equals("linux") && (arch.equals("amd64") || arch.equals("x86_64"))) {
            return LINUX_X64;
        }
        throw new BatonException(
                ErrorCode.ENGINE_FAILED,
                "there is no packaged libllama for " + osName + " on " + osArch
                        + " (only for Linux on x86-64 with glibc 2.34 or newer); build libllama "
                        + LINUX_X64.llamaVersion()
                        + " yourself and name its directory in the setting for the library directory");
    }

    /** Name and version as npm takes them. */
    String specifier() {
        return npmName + "@" + npmVersion;
    }
}
