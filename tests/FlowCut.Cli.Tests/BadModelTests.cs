using System.Buffers.Binary;
using FlowCut.Testing;

namespace FlowCut.Cli.Tests;

/// <summary>Damaged model folders: exit status 2, a message that names file and reason, nothing written.</summary>
public class BadModelTests
{
    public static TheoryData<string, string[]> Damages => new()
    {
        { "truncated", ["model.safetensors"] },
        { "oversized header", ["model.safetensors", "header"] },
        { "overlap", ["model.safetensors"] },
        { "tensor missing", ["model.safetensors", "pre_layrnorm", "missing"] },
        { "tensor of a wrong shape", ["model.safetensors", "language_model.model.norm.weight", "shape"] },
        { "unknown model_type", ["config.json", "model type", "unheard-of"] },
        { "key missing", ["config.json", "vision_config"] },
        { "config is no JSON", ["config.json"] },
        { "config is missing", ["config.json"] },
        { "weights are missing", ["safetensors"] },
        { "tokenizer is missing", ["tokenizer"] },
        { "tokenizer has ids beyond the embedding", ["tokenizer", "99999"] },
    };

    [Theory]
    [MemberData(nameof(Damages))]
    public void A_damaged_model_is_refused(string damage, string[] message)
    {
        using var folder = new TemporaryFolder();
        var model = folder.CopyModel(Sample.Model);
        Damage(model, damage);
        var result = FlowcutProcess.Run(Sample.GenerateWith(model, Sample.Picture, "--trace", folder.File("trace.safetensors"), "--overlay", folder.File("kept.png")));
        result.AssertRefused(2, message);
        folder.AssertHolds("model");
    }

    [Fact]
    public void A_missing_shard_is_named()
    {
        using var folder = new TemporaryFolder();
        var model = folder.CopyModel(Goldens.Require("llava-1.5-mini-renamed"));
        File.Delete(Path.Combine(model, "model-00002-of-00002.safetensors"));
        FlowcutProcess.Run(Sample.GenerateWith(model, Sample.Picture)).AssertRefused(2, "model-00002-of-00002.safetensors");
    }

    [Fact]
    public void A_model_folder_that_does_not_exist_is_named()
    {
        using var folder = new TemporaryFolder();
        FlowcutProcess.Run(Sample.GenerateWith(folder.File("nowhere"), Sample.Picture)).AssertRefused(2, "nowhere");
    }

    private static void Damage(string model, string damage)
    {
        string config = Path.Combine(model, "config.json"), weights = Path.Combine(model, "model.safetensors");
        switch (damage)
        {
            case "truncated":
                using (var file = File.OpenWrite(weights)) file.SetLength(file.Length - 1);
                break;
            case "oversized header":
                using (var file = File.OpenWrite(weights)) file.Write([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]);
                break;
            case "overlap":
                // the second tensor begins where the first one does
                EditHeader(weights, header =>
                {
                    var byOffset = header.Where(p => p.Key != "__metadata__").OrderBy(p => (long)p.Value!["data_offsets"]![0]!).Select(p => p.Value!).ToList();
                    byOffset[1]["data_offsets"]![0] = (long)byOffset[0]["data_offsets"]![0]!;
                });
                break;
            case "tensor missing":
                EditHeader(weights, header => Rename(header, "pre_layrnorm.weight", "elsewhere.weight"));
                break;
            case "tensor of a wrong shape":
                EditHeader(weights, header =>
                {
                    var norm = header["language_model.model.norm.weight"]!;
                    norm["shape"] = new System.Text.Json.Nodes.JsonArray(2, (int)norm["shape"]![0]! / 2);
                });
                break;
            case "unknown model_type":
                TemporaryFolder.EditJson(config, json => json["model_type"] = "unheard-of");
                break;
            case "key missing":
                TemporaryFolder.EditJson(config, json => json.Remove("vision_config"));
                break;
            case "config is no JSON":
                File.WriteAllText(config, "{ model_type: llava");
                break;
            case "config is missing":
                File.Delete(config);
                break;
            case "weights are missing":
                File.Delete(weights);
                break;
            case "tokenizer is missing":
                foreach (var file in Directory.GetFiles(model, "tokenizer*")) File.Delete(file);
                break;
            case "tokenizer has ids beyond the embedding":
                TemporaryFolder.EditJson(Path.Combine(model, "tokenizer.json"), json =>
                    json["added_tokens"]!.AsArray().Add(System.Text.Json.Nodes.JsonNode.Parse("""{"id": 99999, "content": "<far>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true}""")));
                break;
            default:
                throw new ArgumentException(damage, nameof(damage));
        }
    }

    private static void Rename(System.Text.Json.Nodes.JsonObject header, string part, string with)
    {
        var name = header.First(p => p.Key.Contains(part, StringComparison.Ordinal)).Key;
        var value = header[name]!.DeepClone();
        header.Remove(name);
        header[name.Replace(part, with, StringComparison.Ordinal)] = value;
    }

    private static void EditHeader(string file, Action<System.Text.Json.Nodes.JsonObject> edit)
    {
        var bytes = File.ReadAllBytes(file);
        var length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        var header = System.Text.Json.Nodes.JsonNode.Parse(bytes.AsSpan(8, length))!.AsObject();
        edit(header);
        var text = System.Text.Encoding.UTF8.GetBytes(header.ToJsonString());
        var prefix = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(prefix, text.Length);
        File.WriteAllBytes(file, [.. prefix, .. text, .. bytes.AsSpan(8 + length)]);
    }
}
