using FlowCut.Cli.Tests.Infrastructure;
using FlowCut.Testing;

namespace FlowCut.Cli.Tests;

/// <summary>model convert: the authors' layout to Hugging Face's, and what is refused.</summary>
public class ModelConvertTests
{
    [Fact]
    public void A_converted_model_answers_as_before()
    {
        var source = Goldens.Require("llava-1.5-tiny-original");
        var tower = Goldens.Require("clip-vit-tiny-patch14-112");
        using var folder = new TemporaryFolder();

        var converted = FlowcutCommand.Run(["model", "convert", source, "converted", "--vision-tower", tower], folder.FullPath);
        Assert.True(converted.ExitStatus == 0, converted.Error);
        Assert.Equal("", converted.Output);
        Assert.All(folder.Files, f => Assert.StartsWith("converted/", f, StringComparison.Ordinal));

        string[] question = ["--image", Sample.Picture, "--prompt", "What animal is in the picture?", "--device", "cpu", "--ignore-eos", "--max-tokens", "8", "--keep", "16"];
        var before = JsonAnswer.Of(["generate", "--model", source, "--vision-tower", tower, .. question]);
        var after = JsonAnswer.Of(["generate", "--model", folder["converted"], .. question]);
        Assert.Equal(JsonAnswer.Ids(before), JsonAnswer.Ids(after));
        Assert.Equal(JsonAnswer.Ids(JsonAnswer.Of(Sample.Generate("--keep", "16"))), JsonAnswer.Ids(after));
        Assert.Equal(before.GetProperty("text").GetString(), after.GetProperty("text").GetString());
    }

    [Fact]
    public void What_is_in_that_layout_already_is_refused()
    {
        Refusal.AssertRefused(["model", "convert", Sample.Model, "converted"], Sample.Model, "already");
    }
}
