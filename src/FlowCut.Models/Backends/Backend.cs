using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Backends;

/// <summary>
/// The fused operations that models are written over. Work is queued in order; only <see cref="Download(Tensor, Span{float})"/>,
/// <see cref="ArgMax"/> and <see cref="Wait"/> wait for it. Sums are fp32. An output may be the same view as an input
/// only where an operation says so; any other overlap is undefined. Not safe for concurrent use.
/// </summary>
public abstract class Backend : IDisposable
{
    /// <summary>As on the command line: cpu, cuda:0, sim.</summary>
    public abstract string Name { get; }

    /// <summary>What activations and the KV cache are stored as: Float32, Float16 or BFloat16.</summary>
    public abstract StoredType ActivationType { get; }

    // Memory -------------------------------------------------------------------------------------------------------

    /// <summary>Zeroed. Throws <see cref="OutOfMemoryException"/> with the size asked for.</summary>
    public abstract DeviceBuffer Allocate(long length, Precision precision);

    public abstract IndexBuffer AllocateIndices(int capacity);

    public abstract HostValues AllocateHostValues(int count);

    /// <summary>A new buffer seen as [rows, columns]; the caller disposes <see cref="Tensor.Buffer"/>.</summary>
    public Tensor Allocate(int rows, int columns, Precision precision = Precision.Activation) =>
        new(Allocate((long)rows * columns, precision), 0, rows, columns, columns);

    /// <summary>Host to device, rounded to the destination's type; rows lie densely in <paramref name="source"/>, which is free to reuse on return.</summary>
    public abstract void Upload(ReadOnlySpan<float> source, Tensor destination);

    /// <summary>Device to host, dense rows; waits for the work that fills <paramref name="source"/>.</summary>
    public abstract void Download(Tensor source, Span<float> destination);

    /// <summary>Host to device; the source is free to reuse on return.</summary>
    public abstract void Upload(ReadOnlySpan<int> source, IndexBuffer destination, int start = 0);

    public abstract void Download(IndexBuffer source, Span<int> destination);

    /// <summary>Rows and columns of the same number; converts where the types differ.</summary>
    public abstract void Copy(Tensor source, Tensor destination);

    /// <summary>Returns when all queued work is done and every host-side result has been written.</summary>
    public abstract void Wait();

    // Weights ------------------------------------------------------------------------------------------------------

    /// <summary>
    /// A weight matrix made of one or more stored ones below each other (query, key and value, say), so that one GEMM
    /// serves them all. Each is [out, in], or higher-dimensional with [in] flattened. The checkpoint must outlive it.
    /// </summary>
    public abstract Matrix LoadMatrix(params ReadOnlySpan<StoredTensor> parts);

    /// <summary>Vectors (bias, norm weights) widened to fp32 and joined: [1, total length].</summary>
    public abstract Tensor LoadVector(params ReadOnlySpan<StoredTensor> parts);

    // Operations ---------------------------------------------------------------------------------------------------

    /// <summary>
    /// y = activation(x·Wᵀ + bias) + residual. x [m, in], y [m, out], bias [1, out]; residual [m, out] may be y itself,
    /// x may not overlap it.
    /// x is of <see cref="Precision.Activation"/>; y of either precision, and the residual of y's.
    /// </summary>
    public abstract void Linear(Tensor x, Matrix weight, Tensor? bias, Activation activation, Tensor? residual, Tensor y);

    /// <summary>y = (x − mean)/√(var + ε)·weight + bias per row, variance in two passes. y may be x; either precision on both sides.</summary>
    public abstract void LayerNorm(Tensor x, Tensor weight, Tensor bias, float epsilon, Tensor y);

    /// <summary>y = x/√(mean(x²) + ε)·weight per row. y may be x; either precision on both sides.</summary>
    public abstract void RmsNorm(Tensor x, Tensor weight, float epsilon, Tensor y);

    /// <summary>y += x·scale, scale [1, columns] (LayerScale, arXiv 2103.17239). x and y [m, columns], of either precision.</summary>
    public abstract void LayerScale(Tensor x, Tensor scale, Tensor y);

    /// <summary>Pixels [3·height, width] to patch rows [⌊height/p⌋·⌊width/p⌋, 3·p·p], columns in the order (channel, row, column) of a convolution's weight; what is left below and at the right is not used.</summary>
    public abstract void ImageToPatches(Tensor pixels, int patchSize, Tensor patches);

    public abstract void Attention(in AttentionArguments arguments);

    /// <summary>
    /// What an export writes down, for queries and values that are given. Sums are fp32; a sequence without keys gets nothing.
    /// </summary>
    public abstract void AttentionRow(in AttentionRowArguments arguments);

    /// <summary>mean [sequences, columns] in single precision: the mean of each sequence's rows of x; 0 where it has none.</summary>
    public abstract void SequenceMean(Tensor x, Sequences sequences, Tensor mean);

    /// <summary>
    /// Rotates the heads of query (in place) and key by their positions (rotate-half convention, angle = position·inverse
    /// frequency in fp32) and writes the rotated key and the value to rows of the cache, which may be their own memory.
    /// query [n, heads·size], key and value [n, kv heads·size], caches [n, kv heads·size]; positions has n rows,
    /// inverseFrequencies is [1, size/2] in single precision.
    /// </summary>
    public abstract void RotaryAppend(Tensor query, Tensor key, Tensor value, RotaryPositions positions, Tensor inverseFrequencies, int headSize, Tensor keyCache, Tensor valueCache);

    /// <summary>y = silu(gate)·up, gate the first and up the second half of each row of <paramref name="gateUp"/> [m, 2·n]; y [m, n].</summary>
    public abstract void GatedSilu(Tensor gateUp, Tensor y);

    /// <summary>y[i] = row ids[i] of the embedding matrix.</summary>
    public abstract void Embed(Matrix embedding, ReadOnlySpan<int> ids, Tensor y);

    /// <summary>y[i] = x[rows[i]] for i &lt; y.Rows.</summary>
    public abstract void GatherRows(Tensor x, IndexView rows, Tensor y);

    /// <summary>destination[i] = source[rows[i]]; all three of one length, source as long as the largest row needs.</summary>
    public abstract void GatherIndices(IndexView source, IndexView rows, IndexView destination);

    /// <summary>Index of the largest entry of row 0, the lowest on ties; −1 if an entry is not a number. Waits.</summary>
    public abstract int ArgMax(Tensor x);

    // Decoding -----------------------------------------------------------------------------------------------------

    public abstract DecodeStep AllocateStep();

    /// <summary>What can be left to the device besides, so that a whole encoder can be recorded; null where there is no such device.</summary>
    public virtual IDeviceCounts? DeviceCounts => null;

    /// <summary>
    /// The fastest of several ways to do the same work: measured once on a device and remembered there. 0 where there is nothing
    /// to measure.
    /// </summary>
    /// <param name="what">Names the work and its sizes.</param>
    /// <param name="ways">Each queues the work.</param>
    public virtual int Fastest(string what, params ReadOnlySpan<Action> ways) => 0;

    /// <summary>
    /// The most that is reached here, measured now: products in 10⁹ operations a second, and bytes moved in 10⁹ a second. Null
    /// where there is no speed to measure.
    /// </summary>
    public virtual (double Gflops, double GBs)? MeasureCeilings() => null;

    /// <summary>
    /// Makes everything ready that some work needs (compiled kernels), so that its first run is as fast as the later ones.
    /// <paramref name="rehearsal"/> queues the work on values that mean nothing, and reads none back.
    /// </summary>
    public virtual void Prepare(Action rehearsal) { }

    /// <summary>
    /// Work that will be queued many times unchanged. It may use everything but what waits or allocates, and nothing that
    /// takes host values: those it reads from a <see cref="DecodeStep"/>.
    /// </summary>
    public virtual RepeatedWork Repeat(Action<CancellationToken> work) => new PlainWork(work);

    /// <summary>y [1, columns] = the row of the embedding matrix that the step's token names.</summary>
    public abstract void Embed(Matrix embedding, DecodeStep decodeStep, Tensor y);

    /// <summary>As the other one for the step's token: query, key and value have one row, and the caches are whole.</summary>
    public abstract void RotaryAppend(Tensor query, Tensor key, Tensor value, DecodeStep decodeStep, Tensor inverseFrequencies, int headSize, Tensor keyCache, Tensor valueCache);

    public abstract void DecodeAttention(in DecodeArguments arguments);

    // Pruning ------------------------------------------------------------------------------------------------------

    public abstract void FlowScore(in FlowScoreArguments arguments);

    /// <summary>The most patches of a sequence that <see cref="FlowScore"/> takes.</summary>
    public virtual int MaxScores => int.MaxValue;

    /// <summary>What a strategy asks before it begins.</summary>
    /// <param name="scores">Of the longest sequence.</param>
    /// <exception cref="InputException">There are more than <see cref="MaxScores"/>.</exception>
    internal void CheckScores(int scores)
    {
        if (scores > MaxScores)
            throw new InputException($"pruning on {Name} scores at most {MaxScores} patches of a picture, and this one has {scores}; a smaller picture (--max-pixels) has fewer, and the CPU has no such limit");
    }

    /// <summary>
    /// The <paramref name="count"/> groups of <paramref name="group"/> neighbouring columns of row 0 of <paramref name="scores"/>
    /// with the largest sums, ties to the lowest, NaN below every number: all their columns, ascending, <paramref name="add"/>
    /// added to each, to rows[start] … rows[start + count·group − 1].
    /// </summary>
    public abstract void SelectTop(Tensor scores, int group, int count, int add, IndexBuffer rows, int start);

    /// <summary>sums[j] += weight · mean over heads of e^logProbabilities[h, j]. logProbabilities [heads, n], sums [1, n], in single precision.</summary>
    public abstract void AddMeanProbabilities(Tensor logProbabilities, float weight, Tensor sums);

    /// <summary>
    /// result[i, j] = the measure of row i of x and row j of y. x [m, n], y [k, n], of either precision; result [m, k] in single
    /// precision, sums fp32. For sets of a few hundred rows: the result is as large as both together.
    /// </summary>
    public abstract void Pairwise(PairMeasure measure, Tensor x, Tensor y, Tensor result);

    /// <summary>y[i] = Σ weight·x[source] over the sources of row i of the mix, in their order. y has as many rows as the mix, x and y as many columns; either precision.</summary>
    public abstract void MixRows(Tensor x, RowMix mix, Tensor y);

    /// <summary>
    /// Chooses <paramref name="count"/> rows of x that lie far apart by 1 − cosine: first the row whose nearest neighbour is farthest, then
    /// again and again the one whose nearest chosen row is farthest; ties to the lowest. Their numbers, in the order of choice, to
    /// points[start] …; −1 where a norm of x is not finite. Memory grows with the rows of x, not with their square.
    /// </summary>
    public abstract void FarthestPoints(Tensor x, int count, IndexBuffer points, int start);

    /// <summary>
    /// Greedy maximum a posteriori choice of a determinantal point process with L[i, j] = r_i · cosine(x_i, x_j) · r_j: again and again the row
    /// with the largest gain of the determinant, ties to the lowest. x [n, d] of either precision, relevance r [1, n] in single precision, sums
    /// fp32. The rows' numbers, in the order of choice, to points[start] …; −1 from where no row has a gain that is a positive number (beyond
    /// the rank of x). Memory grows with n · count, not with n². spec: Chen, Zhang, Zhou 2018, "Fast Greedy MAP Inference for Determinantal
    /// Point Process", algorithm 1.
    /// </summary>
    public abstract void GreedyDeterminant(Tensor x, Tensor relevance, int count, IndexBuffer points, int start);

    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    protected abstract void Dispose(bool disposing);

    private protected static void CheckLength(long actual, long expected, string name)
    {
        if (actual != expected) throw new ArgumentException($"'{name}' has {actual} entries, expected {expected}.", name);
    }

    private protected static void CheckRoom(long needed, long capacity, string name)
    {
        if (needed > capacity) throw new ArgumentException($"'{name}' has room for {capacity} entries, {needed} are needed.", name);
    }

    /// <summary>Checks the arguments of <see cref="SelectTop"/>.</summary>
    private protected static void CheckSelection(Tensor scores, int group, int count, IndexBuffer rows, int start)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(scores.Rows, 1, nameof(scores));
        ArgumentOutOfRangeException.ThrowIfLessThan(group, 1);
        if (scores.Columns % group != 0) throw new ArgumentException($"{scores.Columns} scores are no whole groups of {group}.", nameof(scores));
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, scores.Columns / group);
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        CheckRoom(start + (long)count * group, rows.Capacity, nameof(rows));
    }

    /// <summary>Checks the arguments of <see cref="FarthestPoints"/> and <see cref="GreedyDeterminant"/>.</summary>
    private protected static void CheckPoints(Tensor x, int count, IndexBuffer points, int start)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, x.Rows);
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        CheckRoom((long)start + count, points.Capacity, nameof(points));
    }

    private protected static void CheckParts(ReadOnlySpan<StoredTensor> parts)
    {
        if (parts.IsEmpty) throw new ArgumentException("At least one stored tensor is needed.", nameof(parts));
    }

    /// <summary>Where work is done as it is queued there is nothing to record.</summary>
    private sealed class PlainWork(Action<CancellationToken> work) : RepeatedWork
    {
        public override int RecordedOperations => 0;

        public override void Run(CancellationToken cancellation) => work(cancellation);

        protected override void Dispose(bool disposing) { }
    }
}
