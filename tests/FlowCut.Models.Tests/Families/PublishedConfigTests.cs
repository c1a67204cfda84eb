using FlowCut.Models.Families;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Families;

/// <summary>The configurations of published checkpoints (Published/*.json, what their config.json says of the model), read without weights.</summary>
public sealed class PublishedConfigTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("flowcut-test-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    /// <summary>spec/models.md, section 5.5.</summary>
    [Theory]
    [InlineData("llava-1.5-7b-hf", 7_063_427_072)]
    [InlineData("llava-v1.6-vicuna-7b-hf", 7_063_431_168)]
    [InlineData("llava-v1.6-mistral-7b-hf", 7_566_747_648)]
    [InlineData("Qwen2-VL-7B-Instruct", 8_291_375_616)]
    [InlineData("Qwen2-VL-2B-Instruct", 2_208_985_600)]
    [InlineData("InternVL2-8B", 8_075_365_376)]
    public void The_parameters_are_as_many_as_published(string name, long parameters)
    {
        var facts = Read(name);
        Assert.Equal(parameters, facts.Parameters);
        Assert.Null(facts.WeightBytes);
    }

    [Theory]
    [InlineData("llava-1.5-7b-hf", "LLaVA-1.5", "CLIP", "llama", 576, 1)]
    // the whole and 2x2 tiles of 24x24 patches, each of 48 rows with a newline
    [InlineData("llava-v1.6-vicuna-7b-hf", "LLaVA-NeXT", "CLIP", "llama", 576 + 48 * 49, 5)]
    [InlineData("llava-v1.6-mistral-7b-hf", "LLaVA-NeXT", "CLIP", "mistral", 576 + 48 * 49, 5)]
    [InlineData("llava-interleave-qwen-0.5b-hf", "LLaVA-1.5", "SigLIP", "qwen2", 27 * 27, 1)]
    [InlineData("InternVL2-1B", "InternVL2", "InternViT", "qwen2", 13 * 256, 13)]
    [InlineData("InternVL2-2B", "InternVL2", "InternViT", "internlm2", 13 * 256, 13)]
    [InlineData("InternVL2-8B", "InternVL2", "InternViT", "internlm2", 13 * 256, 13)]
    [InlineData("InternVL2-26B", "InternVL2", "InternViT", "internlm2", 13 * 256, 13)]
    [InlineData("InternVL2-40B", "InternVL2", "InternViT", "llama", 13 * 256, 13)]
    [InlineData("InternVL2_5-4B", "InternVL2", "InternViT", "qwen2", 13 * 256, 13)]
    [InlineData("InternVL2_5-8B", "InternVL2", "InternViT", "internlm2", 13 * 256, 13)]
    [InlineData("InternVL3-8B", "InternVL2", "InternViT", "qwen2", 13 * 256, 13)]
    [InlineData("InternVL3-1B-hf", "InternVL2", "InternViT", "qwen2", 13 * 256, 13)]
    [InlineData("Qwen2-VL-2B-Instruct", "Qwen2-VL", "Qwen2-VL", "qwen2", 16384, 1)]
    [InlineData("Qwen2-VL-7B-Instruct", "Qwen2-VL", "Qwen2-VL", "qwen2", 16384, 1)]
    public void A_published_configuration_is_read(string name, string family, string tower, string decoder, int tokens, int crops)
    {
        var facts = Read(name);
        var description = facts.Description;
        Assert.Equal((family, tower, decoder), (description.Family, description.Vision.Architecture, description.Language.Architecture));
        Assert.Equal((tokens, crops), (description.PictureTokens, description.PictureCrops));
        Assert.True(facts.Parameters > 400_000_000);
        Assert.All(facts.Costs(40), cost => Assert.InRange(cost.Kept, 1, tokens));
    }

    [Fact]
    public void InternVL2_on_Phi_3_is_refused_by_name()
    {
        var refusal = Assert.Throws<ModelFormatException>(() => Read("InternVL2-4B"));
        Assert.Contains("'phi3'", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("internlm2", refusal.Message, StringComparison.Ordinal);
    }

    private ModelFacts Read(string name)
    {
        File.Copy(Path.Combine(Goldens.Repository, "tests", "FlowCut.Models.Tests", "Families", "Published", name + ".json"), Path.Combine(_folder, "config.json"));
        return ModelFacts.Read(_folder);
    }
}
