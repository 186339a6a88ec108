package io.baton.cli.process;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.Callable;
import picocli.CommandLine;

/**
 * One run of a benchmark's command in this process, while none of the fleets that tests share is up. The fleets that it starts
 * leave their logs where those of the other tests are.
 *
 * @param status its exit status
 * @param out what it wrote to standard output
 * @param err what it wrote to standard error
 */
record BenchRun(int status, String out, String err) {
    private static final String RUNS = "baton.runs";

    static BenchRun of(Callable<Integer> command, String... arguments) {
        SharedFleet.close();
        StringWriter out = new StringWriter();
        StringWriter err = new StringWriter();
        String runs = System.getProperty(RUNS);
        System.setProperty(RUNS, SharedFleet.runs().toString());
        try {
            int status = new CommandLine(command)
                    .setOut(new PrintWriter(out))
                    .setErr(new PrintWriter(err))
                    .execute(arguments);
            return new BenchRun(status, out.toString(), err.toString());
        } finally {
            if (runs == null) {
                System.clearProperty(RUNS);
            } else {
                System.setProperty(RUNS, runs);
            }
        }
    }
}
