namespace FlowCut.Models.Generation;

/// <summary>
/// Draws a token from logits: temperature, then top-k, then top-p, in Hugging Face's order. Own generator (SplitMix64),
/// because a seed must give the same answer on every version of the framework.
/// </summary>
internal sealed class TokenSampler(GenerationOptions options)
{
    private ulong _state = options.Seed;
    private float[] _probabilities = [];
    private int[] _order = [];

    /// <param name="logits">One per token, finite.</param>
    /// <returns>The index drawn.</returns>
    public int Sample(ReadOnlySpan<float> logits)
    {
        if (_order.Length != logits.Length)
        {
            _order = new int[logits.Length];
            _probabilities = new float[logits.Length];
        }

        // most likely first, ties to the lowest index
        for (var i = 0; i < logits.Length; i++)
        {
            _order[i] = i;
            _probabilities[i] = -logits[i];
        }

        Array.Sort(_probabilities, _order);
        OrderTies();
        var candidates = options.TopK > 0 ? Math.Min(options.TopK, logits.Length) : logits.Length;
        var largest = logits[_order[0]];
        var sum = 0.0;
        for (var i = 0; i < candidates; i++)
        {
            _probabilities[i] = (float)Math.Exp((logits[_order[i]] - largest) / (double)options.Temperature);
            sum += _probabilities[i];
        }

        // top-p: the smallest set that reaches p, the token that crosses included
        if (options.TopP < 1)
        {
            var target = options.TopP * sum;
            sum = 0;
            for (var i = 0; i < candidates; i++)
            {
                sum += _probabilities[i];
                if (sum < target) continue;
                candidates = i + 1;
                break;
            }
        }

        var draw = NextDouble() * sum;
        for (var i = 0; i < candidates; i++)
        {
            draw -= _probabilities[i];
            if (draw < 0) return _order[i];
        }

        return _order[candidates - 1];
    }

    private void OrderTies()
    {
        for (var start = 0; start < _order.Length;)
        {
            var end = start + 1;
            while (end < _order.Length && _probabilities[end] == _probabilities[start]) end++;
            if (end - start > 1) Array.Sort(_order, start, end - start);
            start = end;
        }
    }

    private double NextDouble()
    {
        _state += 0x9E3779B97F4A7C15;
        var z = _state;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        z ^= z >> 31;
        return (z >> 11) * (1.0 / (1UL << 53));
    }
}
