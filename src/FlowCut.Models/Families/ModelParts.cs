using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Language;
using FlowCut.Models.Pruning;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Families;

/// <summary>A family's weights in a backend: encoder, connector, decoder.</summary>
internal sealed class ModelParts : IDisposable
{
    private ModelParts(Backend backend, VisionEncoder encoder, Connector connector, LanguageDecoder decoder, Tensor? newline) =>
        (Backend, Encoder, Connector, Decoder, Newline) = (backend, encoder, connector, decoder, newline);

    public Backend Backend { get; }

    public VisionEncoder Encoder { get; }

    public Connector Connector { get; }

    public LanguageDecoder Decoder { get; }

    /// <summary>[1, width of the language model]: what stands behind a row of patches; null where nothing does.</summary>
    public Tensor? Newline { get; }

    /// <param name="family">Shapes and names.</param>
    /// <param name="language">The family's, or with fewer layers.</param>
    /// <param name="checkpoint">Must outlive the parts.</param>
    /// <param name="backend">Owns the weights from here on.</param>
    /// <param name="options">Progress, and how the encoder runs.</param>
    /// <exception cref="ModelFormatException">A tensor is missing or has another shape.</exception>
    public static ModelParts Load(ModelFamily family, LanguageConfig language, Checkpoint checkpoint, Backend backend, LoadOptions options)
    {
        var d = family.Description;
        var loading = new LoadingProgress(options.Progress, checkpoint) { Part = "vision encoder" };
        var encoder = new VisionEncoder(backend, d.Vision, checkpoint, family.VisionNames, d.VisionLayersRun, d.Form, options.EncoderWork);
        loading.Part = "connector";
        var connector = new Connector(backend, family.Connector, checkpoint);
        Tensor? newline = family.NewlineName is { } name ? backend.LoadVector(checkpoint.Get(name, language.HiddenSize)) : null;
        loading.Part = "language model";
        var decoder = new LanguageDecoder(backend, language, checkpoint, family.LanguageNames);
        backend.Wait();
        loading.Finish();
        return new ModelParts(backend, encoder, connector, decoder, newline);
    }

    /// <summary>For <see cref="Backend.Prepare"/>: an answer about one picture, unpruned and pruned to a ninth, without anything being read back.</summary>
    public void Rehearse()
    {
        var tokens = Encoder.UsualTokens;
        foreach (var keep in new[] { tokens, Math.Max(1, tokens / 9) })
        {
            // an encoder of a single layer has none that may prune
            var strategy = keep == tokens || Encoder.LayersRun < 2 ? null : new FlowCutStrategy(FlowCutOptions.Released(keep));
            var hidden = Encoder.Rehearse(strategy);
            var config = Encoder.Config;
            var features = hidden.SliceRows(config.ClassRows, hidden.Rows - config.ClassRows);
            var output = Backend.Allocate(features.Rows / config.GroupSize, Decoder.Config.HiddenSize);
            Connector.Project([features], output);
            var inputs = Backend.Allocate(output.Rows, output.Columns, Precision.Single);
            Backend.Copy(output, inputs);
            inputs.Buffer.Dispose();
            output.Buffer.Dispose();
            Decoder.Rehearse(keep + UsualTextTokens);
        }
    }

    public void Dispose()
    {
        Encoder.Dispose();
        Decoder.Dispose();
    }

    /// <summary>A usual length; short prompts and long ones are divided differently.</summary>
    private const int UsualTextTokens = 40;
}
