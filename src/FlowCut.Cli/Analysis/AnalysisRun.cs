using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;

namespace FlowCut.Cli.Analysis;

/// <summary>One method at one budget on one picture, every score recorded.</summary>
internal sealed record AnalysisRun(string Method, int Keep, PruningRecord Record, PatchGrid Grid, string? Answer)
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
