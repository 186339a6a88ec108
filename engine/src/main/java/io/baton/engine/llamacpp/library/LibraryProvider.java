package io.baton.engine.llamacpp.library;

import io.baton.error.BatonException;
import io.baton.error.ErrorCode;
import java.io.IOException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.jboss.logging.Logger;
import org.jspecify.annotations.Nullable;

/**
 * Finds the directory of libllama: the one that is given; else {@code llama-v0.5.0} in the cache directory, into which the
 * npm package is unpacked the first time. The cache directory is {@code $BATON_CACHE_DIR}, else {@code baton} under
 * {@code $XDG_CACHE_HOME}, else {@code ~/.cache/baton}.
 *
 * <p><em>Thread-safety:</em> safe, between processes too: each unpacks into a directory of its own and renames it into
 * place; the first one wins.
 */
public final class LibraryProvider {
    private static final Logger LOG = Logger.getLogger(LibraryProvider.class);

    /** Written last, so that a directory without it was not unpacked by us to the end. */
    private static final String COMPLETE = ".complete";

    private final Path cache;
    private final LibraryPackage pack;
    private final PackageSource source;

    /** Where an archive of a package comes from. */
    interface PackageSource {
        /**
         * Puts the archive into a directory.
         *
         * @return the archive's file
         * @throws BatonException {@code ENGINE_FAILED} with what is wrong and what to do
         */
        Path fetch(LibraryPackage pack, Path directory);
    }

    LibraryProvider(Path cache, LibraryPackage pack, PackageSource source) {
        this.cache = cache;
        this.pack = pack;
        this.source = source;
    }

    /**
     * The directory of libllama.
     *
     * @param directory the setting; null for the cache directory
     * @throws BatonException {@code ENGINE_FAILED} with what is wrong and what to do
     */
    public static Path provide(@Nullable Path directory) {
        if (directory != null) {
            if (!Files.isDirectory(directory)) {
                throw failed("the library directory " + directory + " does not exist", null);
            }
            return directory;
        }
        LibraryPackage pack = LibraryPackage.of(System.getProperty("os.name", ""), System.getProperty("os.arch", ""));
        Path cache = cacheDirectory(System.getenv(), Path.of(System.getProperty("user.home", ".")));
        return new LibraryProvider(cache, pack, new NpmClient("npm")).provide();
    }

    /** The cache directory that an environment asks for. */
    static Path cacheDirectory(Map<String, String> environment, Path home) {
        String own = environment.get("BATON_CACHE_DIR");
        if (own != null && !own.isBlank()) {
            return Path.of(own);
        }
        String xdg = environment.get("XDG_CACHE_HOME");
        Path base = xdg == null || xdg.isBlank() ? home.resolve(".cache") : Path.of(xdg);
        return base.resolve("baton");
    }

    Path provide() {
        Path target = cache.resolve("llama-v" + pack.llamaVersion());
        if (Files.exists(target.resolve(COMPLETE))) {
            return target;
        }
        Path work = null;
        try {
            Files.createDirectories(cache);
            work = Files.createTempDirectory(cache, "llama-unpack-");
            LOG.infof("fetching %s with npm, once, into %s", pack.specifier(), target);
            Path archive = source.fetch(pack, work);
            Integrity.check(archive, pack);
            Path unpacked = Files.createDirectory(work.resolve("libraries"));
            TarGz.extract(archive, pack.libraries(), ".so", unpacked);
            requireLibllama(unpacked);
            Files.createFile(unpacked.resolve(COMPLETE));
            moveIntoPlace(unpacked, target);
            return target;
        } catch (IOException e) {
            throw failed("libllama cannot be unpacked into " + target + ": " + e, e);
        } finally {
            delete(work);
        }
    }

    private static void moveIntoPlace(Path unpacked, Path target) throws IOException {
        try {
            Files.move(unpacked, target, StandardCopyOption.ATOMIC_MOVE);
        } catch (FileAlreadyExistsException | DirectoryNotEmptyException e) {
            takeOther(target, e);
        } catch (IOException e) {
            if (!Files.exists(target)) {
                throw e;
            }
            takeOther(target, e);
        }
    }

    private static void takeOther(Path target, IOException cause) {
        // Another process was faster, or something that is not ours is in the way.
        if (!Files.exists(target.resolve(COMPLETE))) {
            throw failed(target + " exists but was not unpacked to the end; remove it and start again", cause);
        }
    }

    private static void requireLibllama(Path directory) throws IOException {
        try (Stream<Path> files = Files.list(directory)) {
            if (files.noneMatch(f -> f.getFileName().toString().startsWith("libllama."))) {
                throw failed(
                        "the package holds no libllama; its version and hash are pinned, so this is a defect", null);
            }
        }
    }

    private static void delete(@Nullable Path directory) {
        if (directory == null) {
            return;
        }
        try (Stream<Path> files = Files.walk(directory)) {
            List<Path> all = files.sorted(Comparator.reverseOrder()).toList();
            for (Path f : all) {
                Files.deleteIfExists(f);
            }
        } catch (IOException e) {
            LOG.warnf("the temporary directory %s could not be removed: %s", directory, e);
        }
    }

    static BatonException failed(String message, @Nullable Throwable cause) {
        return cause == null
                ? new BatonException(ErrorCode.ENGINE_FAILED, message)
                : new BatonException(ErrorCode.ENGINE_FAILED, message, cause);
    }
}
