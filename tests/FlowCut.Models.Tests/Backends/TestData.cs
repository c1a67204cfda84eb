namespace FlowCut.Models.Tests.Backends;

internal static class TestData
{
    /// <summary>Normally distributed; every 97th value <paramref name="outlier"/> times as large, as in a transformer's outlier channels.</summary>
    public static float[] Normal(int seed, int count, double scale = 1, double outlier = 1)
    {
        var random = new Random(seed);
        var values = new float[count];
        for (var i = 0; i < count; i++)
        {
            var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
            values[i] = (float)(normal * scale * (i % 97 == 96 ? outlier : 1));
        }

        return values;
    }
}
