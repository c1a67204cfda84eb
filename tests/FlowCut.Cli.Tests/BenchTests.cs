using System.Text.Json;
using FlowCut.Cli.Tests.Infrastructure;
using FlowCut.Testing;

namespace FlowCut.Cli.Tests;

/// <summary>bench: which rows it has and that its figures hang together; not how fast anything is.</summary>
public class BenchTests
{
    [Fact]
    public void Every_part_is_timed_at_every_budget()
    {
        var result = FlowcutCommand.Run(["bench", "--model", Sample.Model, "--keep", "32,8", "--rounds", "2", "--device", "cpu", "--json"]);
        Assert.True(result.ExitStatus == 0, result.Error);
        using var json = JsonDocument.Parse(result.Output);
        var rows = json.RootElement.GetProperty("rows").EnumerateArray().ToList();
        Assert.Equal(
            ["vision 64", "vision 32", "vision 8", "prefill 64", "prefill 32", "prefill 8", "decode 64", "decode 32", "decode 8"],
            rows.Select(r => $"{r.GetProperty("part").GetString()} {r.GetProperty("visual_tokens").GetInt32()}"));
        Assert.All(rows, row =>
        {
            var (low, median, high) = (row.GetProperty("p10_ms").GetDouble(), row.GetProperty("median_ms").GetDouble(), row.GetProperty("p90_ms").GetDouble());
            Assert.True(low > 0 && low <= median && median <= high, $"{low}, {median}, {high}");
            Assert.Equal(row.GetProperty("part").GetString() == "decode", row.TryGetProperty("tokens_per_s", out _));
        });
        foreach (var ceiling in new[] { "ceiling_gflops", "ceiling_gb_per_s", "weight_bytes", "peak_bytes" }) Assert.True(json.RootElement.GetProperty(ceiling).GetDouble() > 0);
    }

    [Fact]
    public void The_table_names_the_model_and_its_parts()
    {
        var result = FlowcutCommand.Run(["bench", "--model", Sample.Model, "--keep", "8", "--rounds", "1", "--device", "cpu"]);
        Assert.True(result.ExitStatus == 0, result.Error);
        foreach (var part in new[] { Sample.Model, "vision", "prefill", "decode", "speed-up" }) Assert.Contains(part, result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Where_pictures_are_cut_their_crops_are_timed_one_by_one_too()
    {
        var result = FlowcutCommand.Run(["bench", "--model", Goldens.Require("llava-next-tiny"), "--keep", "8", "--rounds", "1", "--device", "cpu"]);
        Assert.True(result.ExitStatus == 0, result.Error);
        Assert.Contains("crop by crop", result.Output, StringComparison.Ordinal);
    }
}
