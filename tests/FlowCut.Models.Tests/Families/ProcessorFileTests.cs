using System.Text.Json.Nodes;
using FlowCut.Models.Families;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Families;

/// <summary>Model folders by the file that says how pictures are prepared.</summary>
public sealed class ProcessorFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("flowcut-test-").FullName;

    public ProcessorFileTests()
    {
        foreach (var file in Directory.EnumerateFiles(Goldens.Require("llava-1.5-tiny"))) File.WriteAllBytes(Path.Combine(_folder, Path.GetFileName(file)), File.ReadAllBytes(file));
    }

    private string Older => Path.Combine(_folder, "preprocessor_config.json");

    private string Newer => Path.Combine(_folder, "processor_config.json");

    [Fact]
    public void A_newer_folder_has_one_file_for_all_processors()
    {
        var settings = JsonNode.Parse(File.ReadAllText(Older));
        File.Delete(Older);
        File.WriteAllText(Newer, new JsonObject { ["image_processor"] = settings, ["patch_size"] = 14, ["processor_class"] = "LlavaProcessor" }.ToJsonString());
        Check();
    }

    [Fact]
    public void A_file_of_that_name_without_the_settings_counts_for_nothing()
    {
        File.WriteAllText(Newer, """{"patch_size": 14, "processor_class": "LlavaProcessor"}""");
        Check();
        File.Delete(Older);
        Assert.Contains(Older, Assert.Throws<ModelFormatException>(Check).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Wrong_settings_are_named_with_their_file()
    {
        var settings = JsonNode.Parse(File.ReadAllText(Older))!.AsObject();
        settings.Remove("image_mean");
        File.Delete(Older);
        File.WriteAllText(Newer, new JsonObject { ["image_processor"] = settings }.ToJsonString());
        var message = Assert.Throws<ModelFormatException>(Check).Message;
        Assert.Contains(Newer, message, StringComparison.Ordinal);
        Assert.Contains("image_processor.image_mean", message, StringComparison.Ordinal);
    }

    private void Check() => ModelFamilies.Read(_folder, null).CheckFiles();

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
