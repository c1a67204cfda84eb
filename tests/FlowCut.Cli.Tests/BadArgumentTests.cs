namespace FlowCut.Cli.Tests;

/// <summary>Command lines that make no sense: exit status 2 and what would.</summary>
public class BadArgumentTests
{
    [Theory]
    [InlineData("1 to 64", "--keep", "0")]
    [InlineData("1 to 64", "--keep", "65")]
    [InlineData("--keep", "--keep", "-3")]
    [InlineData("--keep-ratio", "--keep-ratio", "1.5")]
    [InlineData("budget", "--method", "flowcut")]
    [InlineData("flowcut", "--method", "prunemaster", "--keep", "8")]
    [InlineData("criteria", "--keep", "8", "--set", "critera=attention")]
    [InlineData("adaptive", "--keep", "8", "--set", "schedule=sometimes")]
    [InlineData("name=value", "--keep", "8", "--set", "ema")]
    [InlineData("--set", "--set", "ema=0.5")]
    [InlineData("--llm-stage", "--llm-stage", "8@2")]
    [InlineData("--temperature", "--temperature", "hot")]
    [InlineData("top-p", "--temperature", "1", "--top-p", "0")]
    [InlineData("--dtype", "--dtype", "f8")]
    [InlineData("--device", "--device", "quantum")]
    [InlineData("--preprocess", "--preprocess", "stretch")]
    [InlineData("--unheard-of", "--unheard-of")]
    public void Options_are_checked(string message, params string[] options) =>
        FlowcutProcess.Run(Sample.Generate(options)).AssertRefused(2, message);

    [Fact]
    public void An_empty_prompt_is_refused() =>
        FlowcutProcess.Run("generate", "--model", Sample.Model, "--image", Sample.Picture, "--prompt", "").AssertRefused(2, "prompt");

    [Fact]
    public void A_prompt_longer_than_the_context_is_refused() =>
        FlowcutProcess.Run("generate", "--model", Sample.Model, "--image", Sample.Picture, "--prompt", string.Join(' ', Enumerable.Repeat("word", 5000))).AssertRefused(2, "context");

    [Theory]
    [InlineData("--trace")]
    [InlineData("--overlay")]
    public void An_output_that_cannot_be_written_is_refused_before_the_work(string option)
    {
        using var folder = new TemporaryFolder();
        FlowcutProcess.Run(Sample.Generate(option, folder.File("missing/out.png"))).AssertRefused(2, "missing", "cannot be written");
        FlowcutProcess.Run(Sample.Generate(option, folder.Path)).AssertRefused(2, folder.Path, "cannot be written");
        folder.AssertHolds();
    }

    [Fact]
    public void A_missing_required_option_is_named() =>
        FlowcutProcess.Run("generate", "--model", Sample.Model).AssertRefused(2, "--prompt");

    [Fact]
    public void An_unknown_command_is_refused() => Assert.Equal(2, FlowcutProcess.Run("prune").Status);
}
