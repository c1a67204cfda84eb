using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Tests.Parity;

/// <summary>Another backend, not owned, with a place to look at or to change what single operations leave behind. Nothing is recorded: every operation is seen.</summary>
internal abstract class BackendDecorator(Backend inner) : Backend
{
    protected Backend Inner { get; } = inner;

    public override string Name => Inner.Name;

    public override StoredType ActivationType => Inner.ActivationType;

    public override DeviceBuffer Allocate(long length, Precision precision) => Inner.Allocate(length, precision);

    public override IndexBuffer AllocateIndices(int capacity) => Inner.AllocateIndices(capacity);

    public override HostValues AllocateHostValues(int count) => Inner.AllocateHostValues(count);

    public override void Upload(ReadOnlySpan<float> source, Tensor destination) => Inner.Upload(source, destination);

    public override void Download(Tensor source, Span<float> destination) => Inner.Download(source, destination);

    public override void Upload(ReadOnlySpan<int> source, IndexBuffer destination, int start = 0) => Inner.Upload(source, destination, start);

    public override void Download(IndexBuffer source, Span<int> destination) => Inner.Download(source, destination);

    public override void Copy(Tensor source, Tensor destination) => Inner.Copy(source, destination);

    public override void Wait() => Inner.Wait();

    public override Matrix LoadMatrix(params ReadOnlySpan<StoredTensor> parts) => Inner.LoadMatrix(parts);

    public override Tensor LoadVector(params ReadOnlySpan<StoredTensor> parts) => Inner.LoadVector(parts);

    public override void Linear(Tensor x, Matrix weight, Tensor? bias, Activation activation, Tensor? residual, Tensor y) =>
        Inner.Linear(x, weight, bias, activation, residual, y);

    public override void LayerNorm(Tensor x, Tensor weight, Tensor bias, float epsilon, Tensor y) => Inner.LayerNorm(x, weight, bias, epsilon, y);

    public override void RmsNorm(Tensor x, Tensor weight, float epsilon, Tensor y) => Inner.RmsNorm(x, weight, epsilon, y);

    public override void ImageToPatches(Tensor pixels, int patchSize, Tensor patches) => Inner.ImageToPatches(pixels, patchSize, patches);

    public override void Attention(in AttentionArguments arguments) => Inner.Attention(arguments);

    public override void RotaryAppend(Tensor query, Tensor key, Tensor value, RotaryPositions positions, Tensor inverseFrequencies, int headSize, Tensor keyCache, Tensor valueCache) =>
        Inner.RotaryAppend(query, key, value, positions, inverseFrequencies, headSize, keyCache, valueCache);

    public override void GatedSilu(Tensor gateUp, Tensor y) => Inner.GatedSilu(gateUp, y);

    public override void Embed(Matrix embedding, ReadOnlySpan<int> ids, Tensor y) => Inner.Embed(embedding, ids, y);

    public override void GatherRows(Tensor x, IndexView rows, Tensor y) => Inner.GatherRows(x, rows, y);

    public override void GatherIndices(IndexView source, IndexView rows, IndexView destination) => Inner.GatherIndices(source, rows, destination);

    public override void LayerScale(Tensor x, Tensor scale, Tensor y) => Inner.LayerScale(x, scale, y);

    public override void AttentionRow(in AttentionRowArguments arguments) => Inner.AttentionRow(arguments);

    public override void SequenceMean(Tensor x, Sequences sequences, Tensor mean) => Inner.SequenceMean(x, sequences, mean);

    public override int ArgMax(Tensor x) => Inner.ArgMax(x);

    public override void FlowScore(in FlowScoreArguments arguments) => Inner.FlowScore(arguments);

    public override int MaxScores => Inner.MaxScores;

    public override void SelectTop(Tensor scores, int group, int count, int add, IndexBuffer rows, int start) => Inner.SelectTop(scores, group, count, add, rows, start);

    public override void AddMeanProbabilities(Tensor logProbabilities, float weight, Tensor sums) => Inner.AddMeanProbabilities(logProbabilities, weight, sums);

    public override void Pairwise(PairMeasure measure, Tensor x, Tensor y, Tensor result) => Inner.Pairwise(measure, x, y, result);

    public override void MixRows(Tensor x, RowMix mix, Tensor y) => Inner.MixRows(x, mix, y);

    public override void FarthestPoints(Tensor x, int count, IndexBuffer points, int start) => Inner.FarthestPoints(x, count, points, start);

    public override void GreedyDeterminant(Tensor x, Tensor relevance, int count, IndexBuffer points, int start) => Inner.GreedyDeterminant(x, relevance, count, points, start);

    public override DecodeStep AllocateStep() => Inner.AllocateStep();

    public override void Embed(Matrix embedding, DecodeStep decodeStep, Tensor y) => Inner.Embed(embedding, decodeStep, y);

    public override void RotaryAppend(Tensor query, Tensor key, Tensor value, DecodeStep decodeStep, Tensor inverseFrequencies, int headSize, Tensor keyCache, Tensor valueCache) =>
        Inner.RotaryAppend(query, key, value, decodeStep, inverseFrequencies, headSize, keyCache, valueCache);

    public override void DecodeAttention(in DecodeArguments arguments) => Inner.DecodeAttention(arguments);

    protected override void Dispose(bool disposing)
    {
    }
}
