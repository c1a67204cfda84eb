using FlowCut.Models.Backends;
using FlowCut.Models.Language;
using FlowCut.Models.Pruning;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Families;

/// <summary>An answer about one picture, unpruned and pruned to a ninth, without anything being read back: what <see cref="Backend.Prepare"/> goes through.</summary>
internal static class LlavaRehearsal
{
    /// <summary>A usual length; short prompts and long ones are divided differently.</summary>
    private const int TextTokens = 40;

    public static void Run(Backend backend, ClipEncoder encoder, LlavaProjector projector, LlamaDecoder decoder)
    {
        var patches = encoder.Config.Patches;
        foreach (var keep in new[] { patches, Math.Max(1, patches / 9) })
        {
            // an encoder of a single layer has none that may prune
            var strategy = keep == patches || encoder.LayersRun < 2 ? null : new FlowCutStrategy(FlowCutOptions.Released(keep));
            var hidden = encoder.Rehearse(strategy);
            var tokens = projector.Project(hidden.SliceRows(1, hidden.Rows - 1));
            var inputs = backend.Allocate(tokens.Rows, tokens.Columns, Precision.Single);
            backend.Copy(tokens, inputs);
            inputs.Buffer.Dispose();
            tokens.Buffer.Dispose();
            decoder.Rehearse(keep + TextTokens);
        }
    }
}
