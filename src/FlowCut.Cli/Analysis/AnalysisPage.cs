using System.Globalization;
using System.Net;
using System.Text;
using FlowCut.Imaging.Skia;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;

namespace FlowCut.Cli.Analysis;

/// <summary>
/// The page of `flowcut analyze`: index.html with everything inside, and the same pictures as PNG files beside it.
/// </summary>
internal sealed class AnalysisPage(string pictureName, RgbImage picture, string? prompt, string folder)
{
    /// <summary>Of the page.</summary>
    public const string FileName = "index.html";

    /// <summary>Pixels: twice what the page shows, for dense screens.</summary>
    private const int LargeSide = 960, SmallSide = 420;

    private const string Style = """
        body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1180px; padding: 0 1rem; color: #1d2429; background: #fff; }
        h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-top: 1px solid #d5dbe0; padding-top: 1rem; } h3 { font-size: 1rem; }
        .row { display: flex; flex-wrap: wrap; gap: 14px; } figure { margin: 0; } figcaption { font-size: 12px; color: #4d5a63; }
        .large img { width: 480px; } .small img { width: 210px; } img { border-radius: 4px; display: block; height: auto; max-width: 100%; }
        svg { width: 560px; max-width: 100%; } .grid { stroke: #e3e8ec; } .tick { font-size: 11px; fill: #5b6770; } .legend { font-size: 12px; }
        table { border-collapse: collapse; } td, th { padding: 2px 12px 2px 0; text-align: right; font-variant-numeric: tabular-nums; } th:first-child, td:first-child { text-align: left; }
        blockquote { border-left: 3px solid #0b6e99; margin: .5rem 0; padding: .2rem .8rem; background: #f3f7f9; }
        """;

    private readonly StringBuilder _html = new();

    public void Write(IReadOnlyList<AnalysisRun> runs)
    {
        _html.Append($"<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\"><title>FlowCut: {Text(pictureName)}</title><style>{Style}</style></head><body>");
        _html.Append($"<h1>What the vision encoder saw in {Text(pictureName)}</h1>");
        _html.Append($"<p>{picture.Width} × {picture.Height} pixels, {runs[0].Record.Patches} patches on a grid of {runs[0].Grid.Columns} × {runs[0].Grid.Rows}{(runs[0].Crop is null ? "" : " in each crop")}.</p>");
        if (prompt is not null) _html.Append($"<p>Asked: {Text(prompt)}</p>");
        Overview(runs);
        foreach (var (run, number) in runs.Select((run, i) => (run, i + 1))) Section(run, number);
        _html.Append("</body></html>");
        OutputFile.WriteText(Path.Combine(folder, FileName), _html.ToString());
    }

    private void Overview(IReadOnlyList<AnalysisRun> runs)
    {
        _html.Append("<h2>Tokens alive and entropy, per layer</h2><div class=\"row\"><figure>");
        _html.Append(LineChart.Draw([.. runs.Select(r => (Name(r), Alive(r)))], runs[0].Record.Patches, "encoder layer"));
        _html.Append("<figcaption>visual tokens alive on entry of each layer, and after the last event</figcaption></figure><figure>");
        _html.Append(LineChart.Draw([.. runs.Select(r => (Name(r), Entropy(r)))], 1, "encoder layer"));
        _html.Append("<figcaption>h: entropy of the CLS attention over the patches, as a share of the largest possible</figcaption></figure></div>");
    }

    private void Section(AnalysisRun run, int number)
    {
        // options of a method may hold anything, the path of a folder for instance
        var method = run.Method.Contains('=', StringComparison.Ordinal) ? $"{run.Method.Split(' ')[0]}-variant{number}" : run.Method;
        var stem = $"{method}-{run.Keep}{(run.Crop is { } c ? $"-crop{c}" : "")}";
        _html.Append($"<h2>{Text(run.Method)}, {run.Keep} tokens kept{(run.Crop is { } crop ? $", crop {crop}" : "")}</h2>");
        if (run.Answer is not null) _html.Append($"<blockquote>{Text(run.Answer)}</blockquote>");
        _html.Append("<div class=\"row\">");
        Figure("large", $"{stem}-kept.png", KeptPatchOverlay.Draw(picture, run.Grid, run.Kept, LargeSide), $"kept: {run.Kept.Length} of {run.Record.Patches}");
        var events = run.Record.Layers.Where(l => l.Kept is not null).ToList();
        if (events.Count == 0)
        {
            // a method that chooses once, or in the language model
            _html.Append("</div>");
            return;
        }

        _html.Append("</div><h3>After each pruning event</h3><div class=\"row\">");
        foreach (var layer in events)
            Figure("small", $"{stem}-layer{layer.Layer:00}-kept.png", KeptPatchOverlay.Draw(picture, run.Grid, layer.Kept!, SmallSide), $"layer {layer.Layer}: {layer.Alive} → {layer.Kept!.Length}");
        _html.Append("</div><h3>What decided</h3>");
        foreach (var layer in events.Where((_, i) => i == 0 || i == events.Count / 2 || i == events.Count - 1).DistinctBy(l => l.Layer)) ScoreMaps(run, stem, layer);
        Table(run);
    }

    private void ScoreMaps(AnalysisRun run, string stem, LayerRecord layer)
    {
        var alive = run.AliveAt(layer);
        _html.Append($"<p>Layer {layer.Layer}, {layer.Alive} alive:</p><div class=\"row\">");
        foreach (var (name, values) in new[]
        {
            ("CLS attention", layer.Attention), ("value similarity", layer.Semantic), ("value norm", layer.Density), ("fused score", layer.Score), ("cumulative score", layer.Cumulative),
        })
        {
            if (values is null) continue;
            var map = new float[run.Record.Patches];
            Array.Fill(map, float.NaN);
            for (var i = 0; i < alive.Length; i++) map[alive[i]] = values[i];
            Figure("small", $"{stem}-layer{layer.Layer:00}-{name.Replace(' ', '-').ToLowerInvariant()}.png", ScoreMap.Draw(picture, run.Grid, map, SmallSide), name);
        }

        _html.Append("</div>");
    }

    private void Table(AnalysisRun run)
    {
        _html.Append("<h3>Every scored layer</h3><table><tr><th>layer</th><th>alive</th><th>entropy ratio h</th><th>kept</th></tr>");
        foreach (var layer in run.Record.Layers)
            _html.Append(CultureInfo.InvariantCulture, $"<tr><td>{layer.Layer}</td><td>{layer.Alive}</td><td>{layer.EntropyRatio:F4}</td><td>{(layer.Kept is null ? "" : layer.Kept.Length)}</td></tr>");
        _html.Append("</table>");
    }

    private void Figure(string size, string file, RgbImage image, string caption)
    {
        PictureWriter.SavePng(image, Path.Combine(folder, file));
        _html.Append($"<figure class=\"{size}\"><img alt=\"{Text(caption)}\" src=\"data:image/webp;base64,{Convert.ToBase64String(PictureWriter.EncodeWebp(image))}\"><figcaption>{Text(caption)}</figcaption></figure>");
    }

    private static List<(double X, double Y)> Alive(AnalysisRun run)
    {
        List<(double X, double Y)> points = [.. run.Record.Layers.Select(l => ((double)l.Layer, (double)l.Alive))];
        if (run.Record.Layers.Count > 0) points.Add((run.Record.Layers[^1].Layer + 1, run.Record.Kept.Length));
        return points;
    }

    private static List<(double X, double Y)> Entropy(AnalysisRun run) =>
        [.. run.Record.Layers.Select(l => ((double)l.Layer, l.EntropyRatio))];

    private static string Name(AnalysisRun run) => $"{run.Method} {run.Keep}{(run.Crop is { } crop ? $", crop {crop}" : "")}";

    private static string Text(string text) => WebUtility.HtmlEncode(text);
}
