using System.Text.Json;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Pruning;
using FlowCut.Models.Pruning.Reference;
using static FlowCut.Testing.Goldens;

namespace FlowCut.Models.Tests.Parity;

/// <summary>The pruning decisions of flow-unit: whole sequences of events from recorded attention and scores.</summary>
public class ScheduleGoldenTests
{
    public static TheoryData<string> Sequences()
    {
        var data = new TheoryData<string>();
        using var json = JsonDocument.Parse(File.ReadAllBytes(Require("flow-unit.json")));
        foreach (var sequence in json.RootElement.GetProperty("sequences").EnumerateObject()) data.Add(sequence.Name);
        return data;
    }

    [Theory]
    [MemberData(nameof(Sequences))]
    public void Every_event_keeps_what_the_reference_keeps(string sequence)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Require("flow-unit.json")));
        using var tensors = Checkpoint.Open(Require("flow-unit.safetensors"));
        var parts = sequence.Split('/');
        var target = int.Parse(parts[2][1..]);
        var options = Options(parts[1], target);
        var attention = Read(tensors, $"sequence.{parts[0]}.attention");
        var score = Read(tensors, $"sequence.{parts[0]}.score");
        int layers = attention[0].Length, patches = attention[0][0].Length;

        var expected = json.RootElement.GetProperty("sequences").GetProperty(sequence).GetProperty("events").EnumerateArray().ToList();
        var alive = attention.Select(_ => Enumerable.Range(0, patches).ToArray()).ToArray();
        var cumulative = new double[]?[attention.Length];
        var seen = 0;
        var events = Enumerable.Range(0, layers - 2).Count(layer => options.Schedule.IsEvent(layer, layers - 3 - layer, options.PruneEvery));
        for (var layer = 0; layer <= layers - 3 && alive[0].Length > target; layer++)
        {
            for (var b = 0; b < alive.Length; b++)
                cumulative[b] = FlowReference.Accumulate(cumulative[b], alive[b].Select(j => score[b][layer][j]).ToArray(), options.EmaWeight);
            var remaining = layers - 3 - layer;
            if (!options.Schedule.IsEvent(layer, remaining, options.PruneEvery)) continue;

            var kept = alive.Select((picture, b) => options.Schedule.KeptAfter(new PruningEvent(
                seen + 1, events, remaining, patches, picture.Length, target,
                FlowReference.EntropyRatio(picture.Select(j => attention[b][layer][j]).ToArray())))).Min();
            Assert.Equal(expected[seen].GetProperty("layer").GetInt32(), layer);
            Assert.Equal(expected[seen].GetProperty("alive").GetInt32(), alive[0].Length);
            Assert.Equal(expected[seen].GetProperty("kept").GetInt32(), kept);
            seen++;
            for (var b = 0; b < alive.Length; b++)
            {
                var rows = FlowReference.SelectTop(cumulative[b]!, kept);
                cumulative[b] = rows.Select(j => cumulative[b]![j]).ToArray();
                alive[b] = rows.Select(j => alive[b][j]).ToArray();
            }
        }

        Assert.Equal(expected.Count, seen);
        var indices = ReadIndices(tensors, $"sequence.{parts[0]}.{parts[1]}.{parts[2]}.keep_indices");
        for (var b = 0; b < alive.Length; b++) Assert.Equal(indices.Skip(b * target).Take(target), alive[b].Select(i => (long)i));
    }

    [Fact]
    public void Counts_round_half_to_even()
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Require("flow-unit.json")));
        foreach (var pair in json.RootElement.GetProperty("rounding").EnumerateObject())
        {
            // with one remaining layer and no entropy the unrounded count is N − T times the share; scale it to the case
            var unrounded = double.Parse(pair.Name, System.Globalization.CultureInfo.InvariantCulture);
            var h = Math.Sqrt(1 - unrounded / 16);
            if ((16 * (1 - h * h)) != unrounded) continue;
            var kept = PruningSchedule.Adaptive.KeptAfter(new PruningEvent(1, 2, 1, 20, 20, 4, h));
            Assert.Equal(pair.Value.GetInt32(), 20 - kept);
        }
    }

    private static FlowCutOptions Options(string variant, int keep) => variant switch
    {
        "released" => FlowCutOptions.Released(keep),
        "ema-0.7-weight-of-the-new-score" => FlowCutOptions.Released(keep) with { EmaWeight = 0.7f },
        "ema-0.7-weight-of-the-old-score" => FlowCutOptions.Released(keep) with { EmaWeight = 0.3f },
        "prune-every-1" => FlowCutOptions.Released(keep) with { PruneEvery = 1 },
        "prune-every-3" => FlowCutOptions.Released(keep) with { PruneEvery = 3 },
        "fixed-0.163-of-the-alive" => FlowCutOptions.Released(keep) with { Schedule = PruningSchedule.Fixed(0.163) },
        _ => throw new InvalidOperationException($"The golden variant '{variant}' is unknown to this test."),
    };

    private static double[][][] Read(Checkpoint tensors, string name)
    {
        var tensor = tensors.Get(name);
        var flat = new float[tensor.ElementCount];
        tensor.ReadSingles(flat);
        var shape = tensor.Shape;
        return [.. Enumerable.Range(0, (int)shape[0]).Select(b => Enumerable.Range(0, (int)shape[1]).Select(layer =>
            Enumerable.Range(0, (int)shape[2]).Select(j => (double)flat[(b * shape[1] + layer) * shape[2] + j]).ToArray()).ToArray())];
    }

    private static long[] ReadIndices(Checkpoint tensors, string name) =>
        System.Runtime.InteropServices.MemoryMarshal.Cast<byte, long>(tensors.Get(name).Bytes).ToArray();
}
