using System.Globalization;
using System.Net;
using System.Text;

namespace FlowCut.Cli.Evaluation;

/// <summary>
/// Accuracy against visual tokens as an SVG file: a line per method with its confidence intervals, the whole model as a dashed line.
/// Tokens on a logarithmic axis, as budgets are halved and not lessened by a number.
/// </summary>
internal static class AccuracyPlot
{
    private const int PlotWidth = 590, Height = 440, Left = 60, Top = 20, Bottom = 50;
    private static readonly string[] s_colors = ["#0b6e99", "#c2571a", "#3a7d44", "#7b3fa0", "#a0293d", "#5b6770", "#b8860b", "#111111", "#e377c2", "#17becf"];

    /// <param name="rows">The whole model's first.</param>
    public static string Draw(IReadOnlyList<EvaluationRow> rows)
    {
        var shown = rows.Where(r => r.Accuracy is not null).ToList();
        var methods = shown.Skip(1).GroupBy(r => r.Contender.Method).ToList();
        // room for the longest name
        var right = 94 + Math.Max(76, 7 * methods.Select(m => m.Key.Length).DefaultIfEmpty(0).Max());
        var width = PlotWidth + right;
        // whole powers of two around all budgets; one at least
        var first = Math.Floor(Math.Log2(shown.Min(r => r.VisualTokens!.Value)));
        var last = Math.Max(first + 1, Math.Ceiling(Math.Log2(shown.Max(r => r.VisualTokens!.Value)) - 1e-9));
        // whole tenths around all intervals
        var lowest = Math.Floor(shown.Min(r => r.Interval!.Value.Low) * 10 - 1e-9) / 10;
        var highest = Math.Ceiling(shown.Max(r => r.Interval!.Value.High) * 10 + 1e-9) / 10;
        (lowest, highest) = (Math.Max(0, lowest), Math.Min(1, highest));
        string X(double tokens) => Number(Left + (Math.Log2(tokens) - first) / (last - first) * (PlotWidth - Left));
        string Y(double accuracy) => Number(Height - Bottom - (accuracy - lowest) / (highest - lowest) * (Height - Top - Bottom));

        var svg = new StringBuilder($"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {Height}\" width=\"{width}\" height=\"{Height}\" font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"#3d4850\">\n");
        svg.Append($"<rect width=\"{width}\" height=\"{Height}\" fill=\"#fff\"/>\n");
        for (var tenth = (int)Math.Round(lowest * 10); tenth <= (int)Math.Round(highest * 10); tenth++)
        {
            svg.Append($"<line x1=\"{Left}\" x2=\"{PlotWidth}\" y1=\"{Y(tenth / 10.0)}\" y2=\"{Y(tenth / 10.0)}\" stroke=\"#e3e8ec\"/>");
            svg.Append($"<text x=\"{Left - 8}\" y=\"{Y(tenth / 10.0)}\" text-anchor=\"end\" dominant-baseline=\"middle\">{tenth * 10} %</text>\n");
        }

        for (var power = first; power <= last; power++)
            svg.Append($"<text x=\"{X(Math.Pow(2, power))}\" y=\"{Height - Bottom + 18}\" text-anchor=\"middle\">{Number(Math.Pow(2, power))}</text>\n");
        svg.Append($"<text x=\"{(Left + PlotWidth) / 2}\" y=\"{Height - 10}\" text-anchor=\"middle\">visual tokens, average over the layers of the language model</text>\n");
        svg.Append($"<line x1=\"{Left}\" x2=\"{PlotWidth}\" y1=\"{Y(rows[0].Accuracy!.Value)}\" y2=\"{Y(rows[0].Accuracy!.Value)}\" stroke=\"#1d2429\" stroke-dasharray=\"5 4\"/>");
        svg.Append($"<text x=\"{PlotWidth + 10}\" y=\"{Y(rows[0].Accuracy!.Value)}\" dominant-baseline=\"middle\">unpruned</text>\n");

        var number = 0;
        foreach (var method in methods)
        {
            var color = s_colors[number % s_colors.Length];
            // beyond the colours a second pattern tells methods apart
            var dash = number < s_colors.Length ? "" : " stroke-dasharray=\"2 3\"";
            var points = method.OrderBy(r => r.VisualTokens).ToList();
            svg.Append($"<polyline points=\"{string.Join(' ', points.Select(p => $"{X(p.VisualTokens!.Value)},{Y(p.Accuracy!.Value)}"))}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"{dash}/>\n");
            foreach (var p in points)
            {
                var (x, interval) = (X(p.VisualTokens!.Value), p.Interval!.Value);
                svg.Append($"<line x1=\"{x}\" x2=\"{x}\" y1=\"{Y(interval.Low)}\" y2=\"{Y(interval.High)}\" stroke=\"{color}\" stroke-opacity=\"0.45\"/>");
                svg.Append($"<circle cx=\"{x}\" cy=\"{Y(p.Accuracy!.Value)}\" r=\"3.5\" fill=\"{color}\"><title>{WebUtility.HtmlEncode(method.Key)}, {Budget(p)}{Number(p.VisualTokens.Value)} tokens: {p.Accuracy.Value.ToString("P1", CultureInfo.InvariantCulture)}</title></circle>\n");
            }

            var legend = Height - Bottom - 18 * (methods.Count - 1 - number);
            svg.Append($"<line x1=\"{PlotWidth + 50}\" x2=\"{PlotWidth + 74}\" y1=\"{legend}\" y2=\"{legend}\" stroke=\"{color}\" stroke-width=\"2\"{dash}/>");
            svg.Append($"<text x=\"{PlotWidth + 80}\" y=\"{legend}\" dominant-baseline=\"middle\">{WebUtility.HtmlEncode(method.Key)}</text>\n");
            number++;
        }

        return svg.Append("</svg>\n").ToString();
    }

    private static string Budget(EvaluationRow row) => row.Contender.Keep is { } keep ? $"keep {keep}, " : "";

    private static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
