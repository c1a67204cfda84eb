using System.Text.Json;
using FlowCut.Cli.Tests.Infrastructure;
using FlowCut.Imaging.Skia;

namespace FlowCut.Cli.Tests;

/// <summary>What generate prints and writes: the JSON object that scripts rely on, the plain answer, the overlay.</summary>
public class GenerateOutputTests
{
    private static readonly string[] s_fields = ["text", "ids", "finish", "tokens", "ms", "method", "keep", "device", "dtype", "peak_bytes"];

    [Fact]
    public void The_object_has_exactly_the_documented_fields()
    {
        var answer = JsonAnswer.Of(Sample.Generate("--keep", "16"));

        Assert.Equal(s_fields, answer.EnumerateObject().Select(p => p.Name));
        Assert.Equal(JsonValueKind.String, answer.GetProperty("text").ValueKind);
        Assert.Equal(8, JsonAnswer.Ids(answer).Length);
        Assert.Equal("length", answer.GetProperty("finish").GetString());
        var tokens = answer.GetProperty("tokens");
        Assert.Equal(["image", "kept", "prompt", "generated"], tokens.EnumerateObject().Select(p => p.Name));
        Assert.Equal(Sample.Patches, tokens.GetProperty("image").GetInt32());
        Assert.Equal(16, tokens.GetProperty("kept").GetInt32());
        Assert.Equal(8, tokens.GetProperty("generated").GetInt32());
        var times = answer.GetProperty("ms");
        Assert.Equal(["load", "preprocess", "vision", "prefill", "decode"], times.EnumerateObject().Select(p => p.Name));
        Assert.All(times.EnumerateObject(), time => Assert.InRange(time.Value.GetDouble(), double.Epsilon, 60_000));
        Assert.Equal("flowcut", answer.GetProperty("method").GetString());
        Assert.Equal(16, answer.GetProperty("keep").GetInt32());
        Assert.Equal("cpu", answer.GetProperty("device").GetString());
        Assert.Equal("f32", answer.GetProperty("dtype").GetString());
        Assert.InRange(answer.GetProperty("peak_bytes").GetInt64(), 1 << 20, 1L << 34);
    }

    [Fact]
    public void Without_pruning_method_and_keep_are_null_and_the_prompt_is_longer_by_what_was_dropped()
    {
        var full = JsonAnswer.Of(Sample.Generate());
        var pruned = JsonAnswer.Of(Sample.Generate("--keep-ratio", "0.25"));

        Assert.Equal(JsonValueKind.Null, full.GetProperty("method").ValueKind);
        Assert.Equal(JsonValueKind.Null, full.GetProperty("keep").ValueKind);
        Assert.Equal(Sample.Patches, full.GetProperty("tokens").GetProperty("kept").GetInt32());
        Assert.Equal(Sample.Patches / 4, pruned.GetProperty("tokens").GetProperty("kept").GetInt32());
        Assert.Equal(
            full.GetProperty("tokens").GetProperty("prompt").GetInt32() - (Sample.Patches - Sample.Patches / 4),
            pruned.GetProperty("tokens").GetProperty("prompt").GetInt32());
    }

    [Fact]
    public void Standard_output_is_the_answer_and_nothing_else()
    {
        var text = JsonAnswer.Of(Sample.Generate("--keep", "16")).GetProperty("text").GetString();
        var result = FlowcutCommand.Run(Sample.Generate("--keep", "16"));

        Assert.Equal(0, result.ExitStatus);
        Assert.Equal(text + Environment.NewLine, result.Output);
        Assert.Contains("visual tokens 16 of 64", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("\u001b", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void An_answer_ends_at_the_token_that_the_model_says_ends_it()
    {
        // a later token of the greedy answer becomes the end token
        var ids = JsonAnswer.Ids(JsonAnswer.Of(Sample.Generate()));
        var end = Array.FindIndex(ids, 1, id => id != ids[0]);
        using var folder = new TemporaryFolder();
        var model = folder.CopyFolder(Sample.Model, "model", without: "generation_config.json");
        File.WriteAllText(folder["model/generation_config.json"], $$"""{"eos_token_id": {{ids[end]}}}""");
        string[] arguments = ["generate", "--model", model, "--image", Sample.Picture, "--prompt", "What animal is in the picture?", "--device", "cpu", "--max-tokens", "8"];

        var answer = JsonAnswer.Of(arguments);
        Assert.Equal("eos", answer.GetProperty("finish").GetString());
        Assert.Equal(ids[..end], JsonAnswer.Ids(answer));
        Assert.Equal(ids, JsonAnswer.Ids(JsonAnswer.Of([.. arguments, "--ignore-eos"])));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void No_more_tokens_than_asked_for(int count)
    {
        string[] arguments = ["generate", "--model", Sample.Model, "--image", Sample.Picture, "--prompt", "What animal is in the picture?", "--device", "cpu", "--ignore-eos"];
        var answer = JsonAnswer.Of([.. arguments, "--max-tokens", $"{count}"]);
        Assert.Equal("length", answer.GetProperty("finish").GetString());
        Assert.Equal(JsonAnswer.Ids(JsonAnswer.Of(Sample.Generate()))[..count], JsonAnswer.Ids(answer));
    }

    [Fact]
    public void The_overlay_has_the_shape_of_the_picture_and_fewer_kept_patches_make_it_darker()
    {
        using var folder = new TemporaryFolder();
        foreach (var keep in new[] { "8", "60" })
        {
            var result = FlowcutCommand.Run(Sample.Generate("--keep", keep, "--overlay", $"kept-{keep}.png"), folder.FullPath);
            Assert.True(result.ExitStatus == 0, result.Error);
        }

        Assert.Equal(["kept-60.png", "kept-8.png"], folder.Files);
        var (few, many) = (PictureFile.Load(folder["kept-8.png"]), PictureFile.Load(folder["kept-60.png"]));
        var picture = PictureFile.Load(Sample.Picture).Image;
        Assert.Equal("Png", few.Format);
        Assert.Equal((double)picture.Width / picture.Height, (double)few.Image.Width / few.Image.Height, 2);
        Assert.True(few.Image.Pixels.ToArray().Average(p => p) < many.Image.Pixels.ToArray().Average(p => p));
    }

    [Fact]
    public void An_existing_file_is_replaced()
    {
        using var folder = new TemporaryFolder();
        folder.Write("kept.png", 1, 2, 3);
        Assert.Equal(0, FlowcutCommand.Run(Sample.Generate("--keep", "16", "--overlay", "kept.png"), folder.FullPath).ExitStatus);
        Assert.Equal(["kept.png"], folder.Files);
        Assert.Equal("Png", PictureFile.Load(folder["kept.png"]).Format);
    }

    [Fact]
    public void The_chosen_device_is_said_on_standard_error()
    {
        var result = FlowcutCommand.Run(["generate", "--model", Sample.Model, "--image", Sample.Picture, "--prompt", "What?", "--max-tokens", "1"]);
        Assert.Equal(0, result.ExitStatus);
        Assert.StartsWith("device: ", result.Error, StringComparison.Ordinal);
    }
}
