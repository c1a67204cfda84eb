using System.Text.Json.Nodes;
using FlowCut.Models;
using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Families;
using FlowCut.Models.Language;
using FlowCut.Models.Vision;

namespace FlowCut.Bench;

/// <summary>
/// Writes a model folder of LLaVA-1.5-7B's shape with random weights and few decoder layers: what loading and peak memory
/// are measured with. The tokenizer is that of a small model.
/// </summary>
internal static class SynthesizeCommand
{
    public static int Run(string[] arguments)
    {
        if (arguments is not [var target, .. var rest] || target.StartsWith('-')) throw new ArgumentException("synthesize takes the folder to write");
        var options = Options.Parse(rest, "layers", "like");
        var like = options.Text("like", "samples/llava-1.5-tiny");
        var vision = VisionConfig.Large336;
        var language = LanguageConfig.Vicuna7B with { Layers = options.Integer("layers", 1) };

        Directory.CreateDirectory(target);
        foreach (var file in Directory.GetFiles(like).Where(f => !f.EndsWith(".safetensors", StringComparison.Ordinal)))
            File.Copy(file, Path.Combine(target, Path.GetFileName(file)), overwrite: true);
        Edit(Path.Combine(target, "config.json"), config =>
        {
            var text = config["text_config"]!;
            (text["hidden_size"], text["intermediate_size"], text["num_hidden_layers"]) = (language.HiddenSize, language.IntermediateSize, language.Layers);
            (text["num_attention_heads"], text["num_key_value_heads"], text["vocab_size"]) = (language.Heads, language.KeyValueHeads, language.VocabularySize);
            config["vocab_size"] = language.VocabularySize;
            var tower = config["vision_config"]!;
            (tower["hidden_size"], tower["intermediate_size"], tower["image_size"], tower["num_attention_heads"]) = (vision.HiddenSize, vision.IntermediateSize, vision.ImageSize, vision.Heads);
        });
        Edit(Path.Combine(target, "preprocessor_config.json"), config =>
        {
            config["size"] = new JsonObject { ["shortest_edge"] = vision.ImageSize };
            config["crop_size"] = new JsonObject { ["height"] = vision.ImageSize, ["width"] = vision.ImageSize };
        });

        using var weights = new SyntheticCheckpoint();
        using var backend = new CpuBackend();
        // what the parts ask for is made
        ModelParts.Load(ModelFamilies.Read(target, null), language, weights, backend, new LoadOptions()).Dispose();
        var names = weights.Names.ToList();
        using var writer = SafetensorsWriter.Create(Path.Combine(target, "model.safetensors"), [.. names.Select(n => new TensorDeclaration(n, weights.Get(n).Type, weights.Get(n).Shape))]);
        foreach (var name in names) writer.Write(name, weights.Get(name));
        writer.Complete();
        Console.WriteLine($"{target}: {weights.TotalBytes / 1e9:F2} GB of weights in {names.Count} tensors");
        return 0;
    }

    private static void Edit(string file, Action<JsonObject> edit)
    {
        var json = JsonNode.Parse(File.ReadAllBytes(file))!.AsObject();
        edit(json);
        File.WriteAllText(file, json.ToJsonString());
    }
}
