using FlowCut.Cli.Tests.Infrastructure;

namespace FlowCut.Cli.Tests;

/// <summary>The commands that only tell something.</summary>
public class InformationTests
{
    [Theory]
    [InlineData("", "generate")]
    [InlineData("generate", "--keep-ratio")]
    [InlineData("chat", "/image")]
    [InlineData("analyze", "--out")]
    [InlineData("bench", "--synthetic")]
    [InlineData("tokenize", "--decode")]
    [InlineData("methods", "methods")]
    [InlineData("doctor", "doctor")]
    [InlineData("kernels", "--arch")]
    [InlineData("model", "convert")]
    [InlineData("model info", "DIR")]
    [InlineData("model convert", "OUT")]
    public void Every_command_has_help(string command, string named)
    {
        var result = FlowcutCommand.Run([.. command.Split(' ', StringSplitOptions.RemoveEmptyEntries), "--help"]);
        Assert.Equal(0, result.ExitStatus);
        Assert.Equal("", result.Error);
        Assert.Contains(named, result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Version_is_a_version()
    {
        var result = FlowcutCommand.Run(["--version"]);
        Assert.Equal(0, result.ExitStatus);
        Assert.Matches(@"^\d+\.\d+\.\d+", result.Output);
    }

    [Fact]
    public void Methods_lists_flowcut_with_its_options_and_where_it_comes_from()
    {
        var result = FlowcutCommand.Run(["methods"]);
        Assert.Equal(0, result.ExitStatus);
        Assert.Contains("flowcut", result.Output, StringComparison.Ordinal);
        Assert.Contains("arXiv", result.Output, StringComparison.Ordinal);
        foreach (var option in new[] { "mode=released", "criteria=attention+semantic+density", "semantic=value-softmax", "ema=0.5", "prune-every=2", "schedule=adaptive", "count=shared", "selection=groups", "global=family", "positions=family" })
            Assert.Contains("--set " + option, result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Doctor_names_the_devices()
    {
        var result = FlowcutCommand.Run(["doctor"]);
        Assert.Equal(0, result.ExitStatus);
        foreach (var part in new[] { "flowcut", "runtime", "processor", "vectors", "cpu", "cuda", "driver", "nvrtc", "cublaslt", "kernel cache" }) Assert.Matches($"(?m)^{part}\\s+\\S", result.Output);
    }

    [Fact]
    public void Model_info_describes_the_sample()
    {
        var result = FlowcutCommand.Run(["model", "info", Sample.Model]);
        Assert.True(result.ExitStatus == 0, result.Error);
        foreach (var part in new[] { "LLaVA-1.5 (llava, Hugging Face layout)", "23 of 24 layers", "64 visual tokens", "4 layers", "vocabulary 1024", "context 4096" })
            Assert.Contains(part, result.Output, StringComparison.Ordinal);
        // keys and values of 64 + 40 tokens, 4 layers of 128 numbers of 2 bytes: 0.213 MB
        Assert.Matches(@"(?m)^\s+all\s+64\s+64\s+104\s+\S+\s+0\.2 MB", result.Output);
    }

    [Fact]
    public void Download_help_names_a_checkpoint()
    {
        var result = FlowcutCommand.Run(["model", "download-help"]);
        Assert.Equal(0, result.ExitStatus);
        Assert.Contains("llava-hf/llava-1.5-7b-hf", result.Output, StringComparison.Ordinal);
    }
}
