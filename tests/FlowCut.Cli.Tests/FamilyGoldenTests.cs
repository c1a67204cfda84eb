using FlowCut.Cli.Tests.Infrastructure;
using FlowCut.Models.Cases;
using FlowCut.Testing;

namespace FlowCut.Cli.Tests;

/// <summary>
/// Every golden answer of LLaVA-NeXT, SigLIP-LLaVA, Qwen2-VL and InternVL2 by the command line that its file names: from the picture
/// file to the trace. What a trace does not hold is compared by FlowCut.Models.Tests (FamilyGoldenTests).
/// </summary>
public class FamilyGoldenTests
{
    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var (folder, names) in FamilyGoldens.Cases)
        {
            foreach (var name in names) data.Add(folder, name);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_case_gives_the_golden_trace_and_text(string folder, string name) => FamilyCase.Check(folder, name);

    /// <summary>No case of a folder is forgotten.</summary>
    [Fact]
    public void All_cases_are_run()
    {
        foreach (var (folder, names) in FamilyGoldens.Cases)
        {
            var found = Directory.EnumerateFiles(Goldens.Require(folder), "*.safetensors").Select(f => Path.GetFileNameWithoutExtension(f))
                .Where(name => File.Exists(Path.Combine(Goldens.Require(folder), name + ".json")));
            Assert.Equal(names.Order(StringComparer.Ordinal), found.Order(StringComparer.Ordinal));
        }
    }
}

/// <summary>The same by the CUDA kernels in fp32, on the simulator: of every family and every kind of pruning the small cases.</summary>
public class FamilyDeviceGoldenTests
{
    [Theory]
    [InlineData("llava-siglip-tiny", "unpruned-cup")]
    [InlineData("llava-siglip-tiny", "full-cat-t12")]
    [InlineData("llava-siglip-tiny", "attention-density-cat-t12")]
    [InlineData("llava-next-mistral-tiny", "unpruned-tall")]
    [InlineData("llava-next-mistral-tiny", "pruned-tall-t16")]
    [InlineData("traces/llava-next-tiny", "rocket-tall-t16")]
    [InlineData("internvl2-tiny-qwen2", "groups-square-t4")]
    [InlineData("internvl2-tiny-internlm2", "unpruned-square")]
    [InlineData("internvl2-tiny-internlm2", "groups-square-t4")]
    [InlineData("internvl2-tiny-internlm2", "groups-tall-t8-ragged")]
    [InlineData("qwen2-vl-tiny", "unpruned-two")]
    [InlineData("qwen2-vl-tiny", "groups-tall-t6")]
    [InlineData("qwen2-vl-tiny", "groups-full-wide-t8")]
    [InlineData("qwen2-vl-tiny", "released-tall-t6")]
    public void A_case_on_the_simulator_gives_the_golden_trace_and_text(string folder, string name)
    {
        CudaReference.RequireSimulator();
        FamilyCase.Check(folder, name, "--device", "sim", "--dtype", "f32");
    }
}

internal static class FamilyCase
{
    public static void Check(string folder, string name, params string[] more)
    {
        var path = Path.GetDirectoryName(Goldens.Require($"{folder}/{name}.json"))!;
        var (differences, compared) = FamilyAnswer.Compare(folder, path, name, Run, more);
        Assert.True(differences.Count == 0, string.Join('\n', differences.Take(20)));
        Assert.NotEqual(0, compared);
    }

    private static (int ExitStatus, string Output, string Error) Run(string[] arguments, string folder)
    {
        var result = FlowcutCommand.Run(arguments, folder);
        return (result.ExitStatus, result.Output, result.Error);
    }
}
