using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;

namespace FlowCut.Cli.Analysis;

/// <summary>One method at one budget on one picture or crop of it, every score recorded. Crop is null where the picture is not cut.</summary>
/// <param name="Method">Its name.</param>
/// <param name="Keep">Its budget.</param>
/// <param name="Crop">Of the picture.</param>
/// <param name="Record">What the encoder saw.</param>
/// <param name="Kept">Patches that are left: behind the encoder, or at the end of the language model where only that drops tokens.</param>
/// <param name="Grid">Where patches lie in the picture.</param>
/// <param name="Answer">The text, where a question was asked.</param>
internal sealed record AnalysisRun(string Method, int Keep, int? Crop, PruningRecord Record, int[] Kept, PatchGrid Grid, string? Answer)
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
