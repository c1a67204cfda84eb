using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;

namespace FlowCut.Cli.Analysis;

/// <summary>One method at one budget on one picture or crop of it, every score recorded. Crop is null where the picture is not cut.</summary>
internal sealed record AnalysisRun(string Method, int Keep, int? Crop, PruningRecord Record, PatchGrid Grid, string? Answer)
{
    /// <summary>Patch numbers alive on entry of a scored layer.</summary>
    public int[] AliveAt(LayerRecord layer)
    {
        var alive = Enumerable.Range(0, Record.Patches).ToArray();
        foreach (var earlier in Record.Layers)
        {
            if (earlier.Layer >= layer.Layer) break;
            alive = earlier.Kept ?? alive;
        }

        return alive;
    }
}
