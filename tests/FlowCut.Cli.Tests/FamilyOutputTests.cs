using System.Text.RegularExpressions;
using FlowCut.Cli.Tests.Infrastructure;
using FlowCut.Imaging.Skia;
using FlowCut.Models.Imaging;
using FlowCut.Testing;

namespace FlowCut.Cli.Tests;

/// <summary>Overlays of pictures in crops and tiles and at their own size, and the page of analyze.</summary>
public class FamilyOutputTests
{
    [Theory]
    [InlineData("llava-next-mistral-tiny", "tall", 16)]
    [InlineData("internvl2-tiny-qwen2", "tall", 4)]
    [InlineData("qwen2-vl-tiny", "wide", 8)]
    public void An_overlay_shows_what_was_kept_as_it_is_and_darkens_the_rest(string model, string picture, int keep)
    {
        using var folder = new TemporaryFolder();
        var plain = Draw(folder["plain.png"], null);
        var pruned = Draw(folder["pruned.png"], keep);

        Assert.Equal((plain.Width, plain.Height), (pruned.Width, pruned.Height));
        double kept = 0, dark = 0;
        var (before, after) = (plain.Pixels.ToArray(), pruned.Pixels.ToArray());
        for (var i = 0; i < before.Length; i += 3)
        {
            if (before[i] + before[i + 1] + before[i + 2] < 60) continue;
            if (after.AsSpan(i, 3).SequenceEqual(before.AsSpan(i, 3))) kept++;
            else if (after[i] <= before[i] && after[i + 1] <= before[i + 1] && after[i + 2] <= before[i + 2]) dark++;
        }

        Assert.True(kept > 0.02 * before.Length / 3 && dark > 0.1 * before.Length / 3, $"{kept} pixels as they were and {dark} darker of {before.Length / 3}");

        RgbImage Draw(string file, int? budget)
        {
            var result = FlowcutCommand.Run(
            [
                "generate", "--model", Goldens.Require(model), "--image", Path.Combine(Goldens.Require(model), "pictures", picture + ".png"), "--prompt", "What?", "--device", "cpu",
                "--max-tokens", "1", "--overlay", file, .. budget is { } n ? new[] { "--keep", $"{n}" } : [],
            ]);
            Assert.True(result.ExitStatus == 0, result.Error);
            return PictureFile.Load(file).Image;
        }
    }

    [Fact]
    public void Analyze_writes_the_page_of_a_picture_in_tiles()
    {
        using var folder = new TemporaryFolder();
        var model = Goldens.Require("internvl2-tiny-qwen2");
        var result = FlowcutCommand.Run(
            ["analyze", "--model", model, "--image", Path.Combine(model, "pictures", "tall.png"), "--prompt", "What?", "--keep", "8,4", "--max-tokens", "2", "--device", "cpu", "--out", "out"],
            folder.FullPath);

        Assert.True(result.ExitStatus == 0, result.Error);
        var page = File.ReadAllText(folder["out/index.html"]);
        // two tiles and a thumbnail, each of 64 patches, four to a token
        Assert.Equal(2 * 3, Regex.Count(page, "<figcaption>kept: 32 of 64</figcaption>|<figcaption>kept: 16 of 64</figcaption>"));
        Assert.All(Regex.Matches(page, "(?:src|href)\\s*=\\s*\"([^\"]*)\"").Select(m => m.Groups[1].Value), v => Assert.StartsWith("data:", v, StringComparison.Ordinal));
        string[] expected = [.. new[] { 4, 8 }.SelectMany(keep => Enumerable.Range(0, 3).Select(crop => $"out/flowcut-{keep}-crop{crop}-kept.png"))];
        Assert.Equal(expected, folder.Files.Where(file => Regex.IsMatch(file, "crop\\d-kept")));
    }
}
