using System.Globalization;
using System.Text;

namespace FlowCut.Cli.Analysis;

/// <summary>A small line chart as inline SVG, so that the page needs no script and no library.</summary>
internal static class LineChart
{
    private const int Width = 560, Height = 220, Left = 52, Right = 12, Top = 14, Bottom = 34;
    private static readonly string[] s_colors = ["#0b6e99", "#c2571a", "#3a7d44", "#7b3fa0", "#a0293d", "#5b6770"];

    /// <param name="series">Per line its name and its points.</param>
    /// <param name="maximum">Top of the y axis, which starts at 0.</param>
    /// <param name="xLabel">Under the axis.</param>
    public static string Draw(IReadOnlyList<(string Name, IReadOnlyList<(double X, double Y)> Points)> series, double maximum, string xLabel)
    {
        var lastX = Math.Max(1, series.SelectMany(s => s.Points).Select(p => p.X).DefaultIfEmpty(1).Max());
        string X(double x) => Number(Left + x / lastX * (Width - Left - Right));
        string Y(double y) => Number(Height - Bottom - y / maximum * (Height - Top - Bottom));
        var svg = new StringBuilder($"<svg viewBox=\"0 0 {Width} {Height}\" role=\"img\">");
        for (var i = 0; i <= 4; i++)
        {
            var y = maximum * i / 4;
            svg.Append($"<line x1=\"{Left}\" x2=\"{Width - Right}\" y1=\"{Y(y)}\" y2=\"{Y(y)}\" class=\"grid\"/>");
            svg.Append($"<text x=\"{Left - 6}\" y=\"{Y(y)}\" class=\"tick\" text-anchor=\"end\" dominant-baseline=\"middle\">{(maximum > 2 ? Number(Math.Round(y)) : y.ToString("0.00", CultureInfo.InvariantCulture))}</text>");
        }

        for (var x = 0; x <= lastX; x += lastX > 12 ? 4 : 1)
            svg.Append($"<text x=\"{X(x)}\" y=\"{Height - Bottom + 14}\" class=\"tick\" text-anchor=\"middle\">{x}</text>");
        svg.Append($"<text x=\"{(Left + Width - Right) / 2}\" y=\"{Height - 4}\" class=\"tick\" text-anchor=\"middle\">{xLabel}</text>");
        for (var i = 0; i < series.Count; i++)
        {
            var color = s_colors[i % s_colors.Length];
            var points = string.Join(' ', series[i].Points.Select(p => $"{X(p.X)},{Y(p.Y)}"));
            svg.Append($"<polyline points=\"{points}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>");
            foreach (var (x, y) in series[i].Points) svg.Append($"<circle cx=\"{X(x)}\" cy=\"{Y(y)}\" r=\"2.5\" fill=\"{color}\"><title>layer {Number(x)}: {y.ToString("0.###", CultureInfo.InvariantCulture)}</title></circle>");
            if (series.Count > 1) svg.Append($"<text x=\"{Width - Right}\" y=\"{Top + 4 + 14 * i}\" class=\"legend\" text-anchor=\"end\" fill=\"{color}\">{series[i].Name}</text>");
        }

        return svg.Append("</svg>").ToString();
    }

    private static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
