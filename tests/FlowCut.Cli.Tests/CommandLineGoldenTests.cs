using System.Text.Json;
using FlowCut.Cli.Tests.Infrastructure;
using FlowCut.Models.Checkpoints;
using FlowCut.Testing;

namespace FlowCut.Cli.Tests;

/// <summary>The command line of every golden case as it stands, from the picture file to the trace.</summary>
public class CommandLineGoldenTests
{
    public static TheoryData<string> Cases()
    {
        var data = new TheoryData<string>();
        foreach (var picture in new[] { "chelsea", "astronaut", "rocket" })
        {
            foreach (var budget in new[] { "full", "t8", "t16", "t32" }) data.Add($"llava-1.5-tiny/{picture}-{budget}");
        }

        foreach (var picture in new[] { "chelsea", "coffee-wide" })
        {
            foreach (var budget in new[] { "full", "t64", "t128", "t192" }) data.Add($"llava-1.5-mid/{picture}-{budget}");
        }

        data.Add("llava-1.5-mini-renamed/camera-grey-full");
        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_case_gives_the_golden_trace_and_text(string name) => Check(name, model: null);

    [Theory]
    [InlineData("chelsea-t8")]
    [InlineData("rocket-full")]
    public void The_original_layout_gives_the_same(string name)
    {
        Goldens.Require("clip-vit-tiny-patch14-112");
        Check($"llava-1.5-tiny/{name}", Goldens.Require("llava-1.5-tiny-original"));
    }

    private static void Check(string name, string? model)
    {
        using var facts = JsonDocument.Parse(File.ReadAllBytes(Goldens.Require($"traces/{name}.json")));
        using var golden = Checkpoint.Open(Goldens.Require($"traces/{name}.safetensors"));
        using var folder = new TemporaryFolder();
        // paths are relative to the case's folder in the complete set
        var arguments = facts.RootElement.GetProperty("cli").EnumerateArray().Select(a => a.GetString()!)
            .Select(a => a.StartsWith("../../", StringComparison.Ordinal) ? Goldens.Require(a[6..]) : a).ToList();
        if (model is not null) arguments[arguments.IndexOf("--model") + 1] = model;

        var result = FlowcutCommand.Run([.. arguments, "--trace", folder["trace.safetensors"], "--json"]);

        Assert.True(result.ExitStatus == 0, result.Error);
        using var answer = JsonDocument.Parse(result.Output);
        using var trace = Checkpoint.Open(folder["trace.safetensors"]);
        var tensors = trace.Names.ToDictionary(n => n, n => new TensorData(trace.Get(n).Type, trace.Get(n).Shape, trace.Get(n).Bytes.ToArray()));
        TensorComparison.AssertMatches(golden, tensors);
        var ids = System.Runtime.InteropServices.MemoryMarshal.Cast<byte, long>(golden.Get("generated.ids").Bytes).ToArray();
        Assert.Equal(ids, answer.RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt64()));
        // bytes that are no character: the reference trace was decoded by the slow tokenizer, which shows fewer of them
        if (facts.RootElement.GetProperty("generated_text").GetString() is { } text && !text.Contains('\uFFFD', StringComparison.Ordinal))
            Assert.Equal(text.Trim(), answer.RootElement.GetProperty("text").GetString()!.Trim());
    }
}
