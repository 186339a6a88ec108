package io.baton.cli.bench.goodput;

import java.util.ArrayList;
import java.util.Formatter;
import java.util.List;
import java.util.Locale;

/**
 * Line plots side by side, as SVG with no script, style sheet or font of its own.
 *
 * <p><em>Thread-safety:</em> none.
 */
final class SvgPlot {
    private static final String[] COLOURS = {
        "#d62728", "#1f77b4", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f"
    };
    private static final int WIDTH = 330;
    private static final int HEIGHT = 220;
    private static final int LEFT = 48;
    private static final int TOP = 30;
    private static final int LEGEND_LINE = 15;
    private static final int TICKS = 5;

    private final String across;
    private final String up;
    private final List<Panel> panels = new ArrayList<>();

    /** A point in the units of the axes. */
    record Point(double x, double y) {}

    /** A line with its name. */
    record Line(String name, List<Point> points) {}

    private record Panel(String title, List<Line> lines) {}

    /** Names of the axes, which begin at 0. */
    SvgPlot(String across, String up) {
        this.across = across;
        this.up = up;
    }

    void panel(String title, List<Line> lines) {
        panels.add(new Panel(title, List.copyOf(lines)));
    }

    String toSvg() {
        int legend = panels.stream().mapToInt(p -> p.lines.size()).max().orElse(0) * LEGEND_LINE;
        int width = panels.size() * (WIDTH + LEFT + 12);
        int height = TOP + HEIGHT + 50 + legend;
        Formatter svg = new Formatter(Locale.ROOT);
        svg.format(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" font-family=\"sans-serif\" font-size=\"11\">%n",
                width, height);
        svg.format("<rect width=\"%d\" height=\"%d\" fill=\"white\"/>%n", width, height);
        for (int i = 0; i < panels.size(); i++) {
            svg.format("<g transform=\"translate(%d,%d)\">%n", i * (WIDTH + LEFT + 12) + LEFT, TOP);
            draw(svg, panels.get(i));
            svg.format("</g>%n");
        }
        svg.format("</svg>%n");
        return svg.toString();
    }

    private void draw(Formatter svg, Panel panel) {
        double mostX = most(panel, true);
        double mostY = most(panel, false);
        svg.format(
                "<text x=\"%d\" y=\"-12\" text-anchor=\"middle\" font-size=\"13\">%s</text>%n",
                WIDTH / 2, escape(panel.title));
        for (int t = 0; t <= TICKS; t++) {
            double x = WIDTH * t / (double) TICKS;
            double y = HEIGHT - HEIGHT * t / (double) TICKS;
            svg.format("<path d=\"M0 %.1fH%d\" stroke=\"#ddd\"/>%n", y, WIDTH);
            svg.format("<text x=\"-5\" y=\"%.1f\" text-anchor=\"end\">%.3g</text>%n", y + 4, mostY * t / TICKS);
            svg.format(
                    "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.3g</text>%n",
                    x, HEIGHT + 15, mostX * t / TICKS);
        }
        svg.format("<path d=\"M0 0V%dH%d\" stroke=\"black\" fill=\"none\"/>%n", HEIGHT, WIDTH);
        svg.format(
                "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>%n", WIDTH / 2, HEIGHT + 31, escape(across));
        svg.format(
                "<text transform=\"translate(-34,%d) rotate(-90)\" text-anchor=\"middle\">%s</text>%n",
                HEIGHT / 2, escape(up));
        for (int i = 0; i < panel.lines.size(); i++) {
            Line line = panel.lines.get(i);
            String colour = COLOURS[i % COLOURS.length];
            Formatter points = new Formatter(Locale.ROOT);
            for (Point p : line.points) {
                points.format("%.1f,%.1f ", WIDTH * p.x / mostX, HEIGHT - HEIGHT * p.y / mostY);
            }
            svg.format(
                    "<polyline fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" points=\"%s\"/>%n",
                    colour, i == 0 ? "3" : "1.6", points.toString().strip());
            int y = HEIGHT + 48 + i * LEGEND_LINE;
            svg.format("<path d=\"M0 %dH24\" stroke=\"%s\" stroke-width=\"3\"/>%n", y - 4, colour);
            svg.format("<text x=\"30\" y=\"%d\">%s</text>%n", y, escape(line.name));
        }
    }

    private static double most(Panel panel, boolean x) {
        double most = panel.lines.stream()
                .flatMap(line -> line.points.stream())
                .mapToDouble(p -> x ? p.x : p.y)
                .max()
                .orElse(0);
        return most > 0 ? most : 1;
    }

    private static String escape(String text) {
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;");
    }
}
