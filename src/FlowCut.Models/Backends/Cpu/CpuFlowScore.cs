using FlowCut.Models.Pruning;

namespace FlowCut.Models.Backends.Cpu;

/// <summary>
/// FlowCut's scores of one layer (spec/flowcut.md, sections 1 to 3) in double precision. Each criterion is a mean over
/// heads of a softmax whose patch columns may together be as small as 1e-20, so it is kept as (weights relative to the
/// largest, logarithm of the largest): the normalised score comes from the weights alone and cannot underflow.
/// </summary>
internal sealed unsafe class CpuFlowScore(CpuThreadPool pool, int lanes) : IParallelJob, IDisposable
{
    private readonly CpuScratch[] _scratch = CpuScratch.ForWorkers(pool);
    private FlowScoreArguments _arguments;
    private CpuView _logProbabilities, _valueProducts, _density, _squaredNorms, _globalNorms;
    private CpuView _attention, _semantic, _scores, _cumulative;
    private double[] _entropyRatios = [];

    /// <exception cref="ArgumentException">Shapes disagree, no criterion is chosen, or the weight is not in [0, 1].</exception>
    public void Run(in FlowScoreArguments arguments)
    {
        if ((arguments.Criteria & Criteria.All) == 0 || (arguments.Criteria & ~Criteria.All) != 0)
            throw new ArgumentException($"'{arguments.Criteria}' names no criterion to score by.", nameof(arguments));
        if (arguments.EmaWeight is { } weight && !(weight >= 0 && weight <= 1))
            throw new ArgumentException($"The weight of the new score is {weight}, it must lie in [0, 1].", nameof(arguments));
        _arguments = arguments;
        var keys = arguments.Keys.Rows;
        _logProbabilities = CpuView.Of(arguments.Export.LogProbabilities, arguments.Heads, keys, nameof(AttentionExport.LogProbabilities));
        _valueProducts = CpuView.Of(arguments.Export.ValueProducts, arguments.Export.ValueProducts.Rows, keys, nameof(AttentionExport.ValueProducts));
        _density = CpuView.Of(arguments.Export.ValueDensity, 1, keys, nameof(AttentionExport.ValueDensity));
        _squaredNorms = CpuView.Of(arguments.Export.ValueSquaredNorms, 1, keys, nameof(AttentionExport.ValueSquaredNorms));
        if (arguments.Export.GlobalSquaredNorms is { } norms) _globalNorms = CpuView.Of(norms, 1, arguments.Keys.Count, nameof(AttentionExport.GlobalSquaredNorms));
        else if (arguments is { HasClass: false, Semantic: SemanticCriterion.Cosine })
            throw new ArgumentException("The cosine to a value that is no row needs that value's norm.", nameof(arguments));
        _attention = CpuView.Of(arguments.AttentionScores, 1, keys, nameof(arguments.AttentionScores));
        _semantic = CpuView.Of(arguments.SemanticScores, 1, keys, nameof(arguments.SemanticScores));
        _scores = CpuView.Of(arguments.Scores, 1, keys, nameof(arguments.Scores));
        _cumulative = CpuView.Of(arguments.Cumulative, 1, keys, nameof(arguments.Cumulative));
        _entropyRatios = CpuHostValues.Of(arguments.EntropyRatios!, arguments.Keys.Count);
        pool.Run(this, arguments.Keys.Count);
        _arguments = default;
    }

    void IParallelJob.Run(int index, int worker)
    {
        // the first patch
        var start = _arguments.Keys.Start(index) + ClassRows;
        var patches = _arguments.Keys.Length(index) - ClassRows;
        if (patches < 0)
        {
            _entropyRatios[index] = 0;
            return;
        }

        var heads = Math.Max(_logProbabilities.Rows, _valueProducts.Rows);
        var rented = (double*)_scratch[worker].Rent((2L * patches + heads) * sizeof(double) + (long)heads * patches * sizeof(float));
        var attention = new Span<double>(rented, patches);
        var semantic = new Span<double>(rented + patches, patches);
        var working = rented + 2L * patches;
        var largest = HeadMeans(_logProbabilities, start, _arguments.AttentionOverPatches ? Softmax.OverPatches : Softmax.Done, 1, working, attention);
        Write(attention, largest, _attention, start);
        var attentionSum = Sum(attention);
        Semantic(index, start, working, semantic);
        // one look at the fused scores finds every NaN, whichever criterion it came from
        _entropyRatios[index] = Fuse(start, attention, attentionSum, semantic, Sum(semantic)) ? EntropyRatio(attention, attentionSum) : double.NaN;
    }

    /// <summary>Rows in front of a sequence's patches.</summary>
    private int ClassRows => _arguments.HasClass ? 1 : 0;

    private void Semantic(int sequence, int start, double* working, Span<double> semantic)
    {
        if (_arguments.Semantic == SemanticCriterion.Cosine)
        {
            Cosines(start, _arguments.Export.GlobalSquaredNorms is null ? _squaredNorms.Data[start - 1] : _globalNorms.Data[sequence], semantic);
            Write(semantic, 0, _semantic, start);
            return;
        }

        var scaled = _arguments.Semantic == SemanticCriterion.ScaledValueSoftmax;
        // without CLS the patches are all there is
        var largest = HeadMeans(_valueProducts, start, scaled || !_arguments.HasClass ? Softmax.OverPatches : Softmax.OverAll, scaled ? 1 / Math.Sqrt(_arguments.HeadSize) : 1, working, semantic);
        Write(semantic, largest, _semantic, start);
    }

    private enum Softmax
    {
        /// <summary>The rows are logarithms of a softmax already.</summary>
        Done,
        /// <summary>Over the row before the patches and the patches.</summary>
        OverAll,
        OverPatches,
    }

    /// <summary>
    /// The mean over heads of each patch's probability, divided by e to the power of the result, so that the largest is
    /// near 1/heads. −∞ where all probabilities are 0. <paramref name="working"/> holds heads numbers and [heads, patches] floats.
    /// </summary>
    private double HeadMeans(CpuView rows, int start, Softmax softmax, double scale, double* working, Span<double> means)
    {
        var exponentials = (float*)(working + rows.Rows);
        var largest = double.NegativeInfinity;
        for (var head = 0; head < rows.Rows; head++)
        {
            working[head] = Head(rows.Row(head) + start, means.Length, softmax, scale, exponentials + (long)head * means.Length);
            largest = Math.Max(largest, working[head]);
        }

        means.Clear();
        if (means.IsEmpty || double.IsNegativeInfinity(largest)) return double.NegativeInfinity;
        for (var head = 0; head < rows.Rows; head++)
            AddScaled(new ReadOnlySpan<float>(exponentials + (long)head * means.Length, means.Length), Math.Exp(working[head] - largest) / rows.Rows, means);
        return largest;
    }

    /// <summary>One head's patches relative to their largest, in single precision, and the logarithm of that largest's probability.</summary>
    private double Head(float* row, int patches, Softmax softmax, double scale, float* exponentials)
    {
        var max = lanes switch
        {
            16 => LaneRow.ExpBelowMax<Lanes512>(row, (float)scale, exponentials, patches),
            8 => LaneRow.ExpBelowMax<Lanes256>(row, (float)scale, exponentials, patches),
            _ => LaneRow.ExpBelowMax<Lanes128>(row, (float)scale, exponentials, patches),
        };
        var sum = Sum(new ReadOnlySpan<float>(exponentials, patches));
        if (double.IsNaN(sum)) return double.NaN;
        if (softmax == Softmax.Done || float.IsNegativeInfinity(max)) return scale * max;
        var patchMass = Math.Log(sum);
        if (softmax == Softmax.OverPatches) return -patchMass;
        // log(e^patches + e^first), the patches' share measured from their largest.
        var first = scale * (row[-1] - (double)max);
        return -(Math.Max(patchMass, first) + Math.Log(1 + Math.Exp(-Math.Abs(patchMass - first))));
    }

    /// <summary>cos(g, v_j) of the values of all heads joined, g the query's, clamped to [0, 1]; 0 where a norm is 0.</summary>
    private void Cosines(int start, float globalSquaredNorm, Span<double> cosines)
    {
        var globalNorm = Math.Sqrt(globalSquaredNorm);
        for (var i = 0; i < cosines.Length; i++)
        {
            var column = start + i;
            var product = 0.0;
            for (var head = 0; head < _valueProducts.Rows; head++) product += _valueProducts.Row(head)[column];
            var norms = globalNorm * Math.Sqrt(_squaredNorms.Data[column]);
            cosines[i] = norms == 0 ? 0 : Math.Clamp(product / norms, 0, 1);
        }
    }

    /// <summary>E/log N with E the entropy of the normalised attention, 0·log 0 = 0; 0 where N ≤ 1 or nothing is attended to.</summary>
    private static double EntropyRatio(ReadOnlySpan<double> attention, double sum)
    {
        if (attention.Length <= 1 || sum == 0) return 0;
        var entropy = 0.0;
        foreach (var weight in attention)
        {
            var p = weight / sum;
            if (p != 0) entropy -= p * Math.Log(p);
        }

        return entropy / Math.Log(attention.Length);
    }

    /// <returns>Whether all scores are numbers.</returns>
    private bool Fuse(int start, ReadOnlySpan<double> attention, double attentionSum, ReadOnlySpan<double> semantic, double semanticSum)
    {
        var criteria = _arguments.Criteria;
        var useAttention = (criteria & Criteria.Attention) != 0 && attentionSum != 0;
        var useSemantic = (criteria & Criteria.Semantic) != 0 && semanticSum != 0;
        var useDensity = (criteria & Criteria.Density) != 0;
        var densityAlone = criteria == Criteria.Density;
        double weight = _arguments.EmaWeight ?? 1;
        if (_arguments.HasClass)
        {
            _scores.Data[start - 1] = 0;
            _cumulative.Data[start - 1] = float.PositiveInfinity;
        }

        var areNumbers = true;
        for (var i = 0; i < attention.Length; i++)
        {
            var column = start + i;
            var score = densityAlone ? 1.0 : 0.0;
            if (useAttention) score += attention[i] / attentionSum;
            if (useSemantic) score += semantic[i] / semanticSum;
            if (useDensity) score *= _density.Data[column];
            areNumbers &= !double.IsNaN(score);
            _scores.Data[column] = (float)score;
            _cumulative.Data[column] = (float)(_arguments.EmaWeight is null ? score : (1 - weight) * _cumulative.Data[column] + weight * score);
        }

        return areNumbers;
    }

    private static void AddScaled(ReadOnlySpan<float> values, double factor, Span<double> sums)
    {
        for (var i = 0; i < values.Length; i++) sums[i] += factor * values[i];
    }

    private static double Sum(ReadOnlySpan<double> values)
    {
        var sum = 0.0;
        foreach (var value in values) sum += value;
        return sum;
    }

    private static double Sum(ReadOnlySpan<float> values)
    {
        double even = 0, odd = 0;
        var i = 0;
        for (; i + 1 < values.Length; i += 2)
        {
            even += values[i];
            odd += values[i + 1];
        }

        return i < values.Length ? even + odd + values[i] : even + odd;
    }

    private void Write(ReadOnlySpan<double> weights, double logScale, CpuView row, int start)
    {
        var scale = Math.Exp(logScale);
        if (_arguments.HasClass) row.Data[start - 1] = 0;
        for (var i = 0; i < weights.Length; i++) row.Data[start + i] = (float)(weights[i] * scale);
    }

    public void Dispose()
    {
        foreach (var scratch in _scratch) scratch.Dispose();
    }
}
