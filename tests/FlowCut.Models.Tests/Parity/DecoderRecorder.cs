using FlowCut.Models.Backends;

namespace FlowCut.Models.Tests.Parity;

/// <summary>Another backend that writes down where the language model's rows stand, and what its first layer reads. For models whose encoder has no RMS norm.</summary>
internal class DecoderRecorder(Backend inner) : BackendDecorator(inner)
{
    private readonly List<RecordedStep> _steps = [];

    /// <summary>[axes][rows] of each layer of the last prompt that was read.</summary>
    public List<int[][]> PromptPositions { get; } = [];

    /// <summary>[rows · width]: the input of layer 0.</summary>
    public float[]? Inputs { get; private set; }

    /// <summary>Of each token that was appended, for each group of layers whose rows are as many: positions.</summary>
    public IReadOnlyList<IReadOnlyList<int>> DecodePositions => [.. _steps.Where(s => s.Positions.Count > 0).Select(s => s.Positions)];

    public override void RmsNorm(Tensor x, Tensor weight, float epsilon, Tensor y)
    {
        if (Inputs is null)
        {
            Inputs = new float[x.Rows * x.Columns];
            Inner.Download(x, Inputs);
        }

        base.RmsNorm(x, weight, epsilon, y);
    }

    public override void RotaryAppend(Tensor query, Tensor key, Tensor value, RotaryPositions positions, Tensor inverseFrequencies, int headSize, Tensor keyCache, Tensor valueCache)
    {
        // two axes are the encoder's
        if (positions.Axes != 2) PromptPositions.Add([.. Enumerable.Range(0, positions.Axes).Select(axis => Read(positions.Axis(axis)))]);
        base.RotaryAppend(query, key, value, positions, inverseFrequencies, headSize, keyCache, valueCache);
    }

    public override DecodeStep AllocateStep()
    {
        _steps.Add(new RecordedStep(Inner.AllocateStep()));
        return _steps[^1];
    }

    public override void Embed(Matrix embedding, DecodeStep decodeStep, Tensor y) => Inner.Embed(embedding, ((RecordedStep)decodeStep).Step, y);

    public override void RotaryAppend(Tensor query, Tensor key, Tensor value, DecodeStep decodeStep, Tensor inverseFrequencies, int headSize, Tensor keyCache, Tensor valueCache) =>
        Inner.RotaryAppend(query, key, value, ((RecordedStep)decodeStep).Step, inverseFrequencies, headSize, keyCache, valueCache);

    public override void DecodeAttention(in DecodeArguments arguments) => Inner.DecodeAttention(new DecodeArguments
    {
        Query = arguments.Query,
        KeyCache = arguments.KeyCache,
        ValueCache = arguments.ValueCache,
        Output = arguments.Output,
        Heads = arguments.Heads,
        KeyValueHeads = arguments.KeyValueHeads,
        HeadSize = arguments.HeadSize,
        Scale = arguments.Scale,
        Step = ((RecordedStep)arguments.Step).Step,
    });

    private int[] Read(IndexView view)
    {
        var all = new int[view.Start + view.Length];
        Inner.Download(view.Buffer, all);
        return all[view.Start..];
    }

    private sealed class RecordedStep(DecodeStep step) : DecodeStep
    {
        public DecodeStep Step { get; } = step;

        public List<int> Positions { get; } = [];

        public override void MoveTo(int token, int position, int cached)
        {
            Positions.Add(position);
            Step.MoveTo(token, position, cached);
        }

        protected override void Dispose(bool disposing) => Step.Dispose();
    }
}
