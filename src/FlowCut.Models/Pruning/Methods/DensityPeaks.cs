namespace FlowCut.Models.Pruning.Methods;

/// <summary>
/// Clusters around points that are dense and far from denser ones (density peaks with k nearest neighbours, as SparseVLM's code has it;
/// spec/rivals.md, "SparseVLM").
/// </summary>
internal static class DensityPeaks
{
    /// <param name="Centres">Points, the best centre first.</param>
    /// <param name="Assignment">The centre of each point, as its place among the centres.</param>
    /// <param name="Densities">ρ.</param>
    /// <param name="Deltas">δ: the distance to the nearest denser point, or the largest of all distances.</param>
    public sealed record Clusters(int[] Centres, int[] Assignment, float[] Densities, float[] Deltas);

    /// <summary>Of equal densities the lower index is the denser; with noise, which is there to tell them apart, none is.</summary>
    /// <param name="distances">[points, points].</param>
    /// <param name="count">Centres, at most as many as there are points; also the neighbours, itself one of them, that make a density.</param>
    /// <param name="noise">Of each density, times 1e-6; null: none.</param>
    public static Clusters Find(float[,] distances, int count, float[]? noise)
    {
        var points = distances.GetLength(0);
        var densities = new float[points];
        for (var a = 0; a < points; a++)
        {
            var nearest = Row(distances, a).Order().Take(count).Sum(d => (double)d * d) / count;
            densities[a] = (float)Math.Exp(-nearest) + 1e-6f * (noise?[a] ?? 0);
        }

        var largest = distances.Cast<float>().Max();
        var deltas = new float[points];
        for (var a = 0; a < points; a++)
        {
            deltas[a] = largest;
            for (var b = 0; b < points; b++)
            {
                var isDenser = densities[b] > densities[a] || (noise is null && densities[b] == densities[a] && b < a);
                if (isDenser) deltas[a] = Math.Min(deltas[a], distances[a, b]);
            }
        }

        var scores = new float[points];
        for (var a = 0; a < points; a++) scores[a] = densities[a] * deltas[a];
        var centres = Ranking.Largest(scores, count);
        var assignment = new int[points];
        for (var a = 0; a < points; a++)
        {
            for (var c = 1; c < count; c++)
            {
                if (distances[a, centres[c]] < distances[a, centres[assignment[a]]]) assignment[a] = c;
            }
        }

        // equal to another centre, a centre still stands for itself
        for (var c = 0; c < count; c++) assignment[centres[c]] = c;
        return new Clusters(centres, assignment, densities, deltas);
    }

    private static IEnumerable<float> Row(float[,] values, int row) => Enumerable.Range(0, values.GetLength(1)).Select(column => values[row, column]);
}
