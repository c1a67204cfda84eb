using System.Runtime.InteropServices;

namespace FlowCut.Peers.OnnxRuntime;

/// <summary>
/// The raw weight file that the peers share: fp32, little endian, one tensor after the other without a header, in the
/// order of <see cref="Tensors"/>, which <c>clip_shape.py</c> beside this project repeats. Linear weights are [out, in].
/// </summary>
internal static class ClipWeights
{
    /// <summary>One tensor; <paramref name="FanIn"/> is its number of inputs, 0 for biases and embeddings, -1 for the gains of a norm.</summary>
    internal readonly record struct Entry(string Name, int FanIn, params long[] Shape)
    {
        public long Count => Shape.Aggregate(1L, (product, d) => product * d);
    }

    /// <summary>Every tensor in file order.</summary>
    public static IEnumerable<Entry> Tensors(ClipShape s)
    {
        yield return new("class_embedding", 0, 1, 1, s.Hidden);
        yield return new("patch_embedding", 3 * s.Patch * s.Patch, s.Hidden, 3, s.Patch, s.Patch);
        yield return new("position_embedding", 0, s.Tokens, s.Hidden);
        yield return new("pre.weight", -1, s.Hidden);
        yield return new("pre.bias", 0, s.Hidden);
        for (int i = 0; i < s.Layers; i++)
        {
            yield return new($"{i}.norm1.weight", -1, s.Hidden);
            yield return new($"{i}.norm1.bias", 0, s.Hidden);
            // q, k, v stand together, so that a peer which fuses them reads one [3 * hidden, hidden] matrix
            foreach (char part in "qkv")
                yield return new($"{i}.{part}.weight", s.Hidden, s.Hidden, s.Hidden);
            foreach (char part in "qkv")
                yield return new($"{i}.{part}.bias", 0, s.Hidden);
            yield return new($"{i}.out.weight", s.Hidden, s.Hidden, s.Hidden);
            yield return new($"{i}.out.bias", 0, s.Hidden);
            yield return new($"{i}.norm2.weight", -1, s.Hidden);
            yield return new($"{i}.norm2.bias", 0, s.Hidden);
            yield return new($"{i}.fc1.weight", s.Hidden, s.Intermediate, s.Hidden);
            yield return new($"{i}.fc1.bias", 0, s.Intermediate);
            yield return new($"{i}.fc2.weight", s.Intermediate, s.Hidden, s.Intermediate);
            yield return new($"{i}.fc2.bias", 0, s.Hidden);
        }
    }

    /// <summary>What is wrong with <paramref name="file"/> as the weights of <paramref name="shape"/>; null: nothing.</summary>
    public static string? Fault(string file, ClipShape shape)
    {
        if (!File.Exists(file))
            return $"{file}: no such weight file";
        long expected = Tensors(shape).Sum(entry => entry.Count) * sizeof(float);
        long length = new FileInfo(file).Length;
        return length == expected ? null : $"{file}: {length} bytes, but {shape.Name} takes {expected}";
    }

    /// <summary>
    /// Writes random weights whose activations keep the scale of a trained tower's: linear weights uniform with
    /// variance 1 / fan-in, gains near 1, biases and embeddings small.
    /// </summary>
    public static void WriteRandom(string file, ClipShape shape, int seed)
    {
        var random = new Random(seed);
        using FileStream stream = File.Create(file);
        var buffer = new float[1 << 16];
        foreach (Entry entry in Tensors(shape))
        {
            float centre = entry.FanIn < 0 ? 1 : 0;
            float range = entry.FanIn > 0 ? MathF.Sqrt(3f / entry.FanIn) : 0.05f;
            for (long left = entry.Count; left > 0;)
            {
                Span<float> part = buffer.AsSpan(0, (int)Math.Min(left, buffer.Length));
                foreach (ref float value in part)
                    value = centre + range * (2 * random.NextSingle() - 1);
                stream.Write(MemoryMarshal.AsBytes(part));
                left -= part.Length;
            }
        }
    }
}
