using System.Text.Json.Nodes;
using FlowCut.Imaging.Skia;
using FlowCut.Models.Cases;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Families;
using FlowCut.Models.Generation;
using FlowCut.Models.Tracing;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Families;

/// <summary>The tiny models in the other layouts that their families are published in: the golden answers are the same, tensor by tensor.</summary>
public class LayoutTests
{
    /// <summary>transformers: convert_internvl_weights_to_hf.py; since 4.52 with the prefix "model.".</summary>
    [Theory]
    [InlineData("")]
    [InlineData("model.")]
    public async Task InternVL_on_Qwen2_as_transformers_stores_it(string prefix)
    {
        using var model = InternVl("internvl2-tiny-qwen2", prefix, (name, data) => [(name, data)], text => text);
        await Check(model, "internvl2-tiny-qwen2", "groups-tall-t8");
    }

    /// <summary>InternLM2 becomes Llama: "wqkv" is split.</summary>
    [Fact]
    public async Task InternVL_on_InternLM2_as_transformers_stores_it()
    {
        (string, string)[] names =
        [
            ("tok_embeddings", "embed_tokens"), ("attention.wo", "self_attn.o_proj"), ("feed_forward.w1", "mlp.gate_proj"), ("feed_forward.w2", "mlp.down_proj"),
            ("feed_forward.w3", "mlp.up_proj"), ("attention_norm", "input_layernorm"), ("ffn_norm", "post_attention_layernorm"), ("language_model.output", "language_model.lm_head"),
        ];
        using var model = InternVl(
            "internvl2-tiny-internlm2",
            "",
            (name, data) => name.Contains("attention.wqkv", StringComparison.Ordinal)
                ? "qkv".Select((part, i) => (name.Replace("attention.wqkv", $"self_attn.{part}_proj", StringComparison.Ordinal), CheckpointRewriter.Rows(data, GroupedRows(i))))
                : [(Replace(name, names), data)],
            text =>
            {
                text["model_type"] = "llama";
                text["head_dim"] = 64;
                return text;
            });
        await Check(model, "internvl2-tiny-internlm2", "groups-square-t8");

        // two key/value heads, each with two query heads in front
        static IEnumerable<int> GroupedRows(int part) => Enumerable.Range(0, 2).SelectMany(group => part switch
        {
            0 => Enumerable.Range(group * 256, 128),
            _ => Enumerable.Range(group * 256 + 128 + (part - 1) * 64, 64),
        });
    }

    /// <summary>Four key/value heads that are pairs of equal ones: the answer is that of two.</summary>
    [Fact]
    public async Task InternLM2_with_as_many_key_value_heads_as_query_heads()
    {
        using var model = CheckpointRewriter.Write(
            Goldens.Require("internvl2-tiny-internlm2"),
            (name, data) => [(name, name.Contains("wqkv", StringComparison.Ordinal) ? CheckpointRewriter.Rows(data, Rows()) : data)],
            config =>
            {
                config["llm_config"]!["num_key_value_heads"] = 4;
                return config;
            });
        await Check(model, "internvl2-tiny-internlm2", "unpruned-square");

        static IEnumerable<int> Rows() => Enumerable.Range(0, 4).SelectMany(head => Enumerable.Range(head / 2 * 256 + head % 2 * 64, 64).Concat(Enumerable.Range(head / 2 * 256 + 128, 128)));
    }

    [Theory]
    [InlineData("rope_scaling")]
    [InlineData("rope_parameters")]
    public async Task Qwen2VL_with_the_newer_prefixes_and_a_section_for_the_text(string rotation)
    {
        string[] text =
        [
            "attention_dropout", "bos_token_id", "eos_token_id", "hidden_act", "hidden_size", "initializer_range", "intermediate_size", "max_position_embeddings", "max_window_layers",
            "num_attention_heads", "num_hidden_layers", "num_key_value_heads", "rms_norm_eps", "rope_theta", "sliding_window", "use_cache", "use_sliding_window", "vocab_size", "rope_scaling",
        ];
        using var model = CheckpointRewriter.Write(
            Goldens.Require("qwen2-vl-tiny"),
            (name, data) => [(name.StartsWith("visual.", StringComparison.Ordinal) ? "model." + name : "model.language_model." + name["model.".Length..], data)],
            config =>
            {
                var section = Move(config, text);
                section["model_type"] = "qwen2_vl_text";
                if (rotation == "rope_parameters")
                {
                    var together = Move(section, "rope_scaling")["rope_scaling"]!.DeepClone();
                    together["rope_theta"] = Move(section, "rope_theta")["rope_theta"]!.DeepClone();
                    section["rope_parameters"] = together;
                }

                config["text_config"] = section;
                return config;
            });
        await Check(model, "qwen2-vl-tiny", "groups-wide-t8");
    }

    /// <summary>The head that the tied model computes with its embedding, stored beside it.</summary>
    [Fact]
    public async Task A_head_that_is_a_copy_of_the_embedding_gives_what_a_tied_one_gives()
    {
        using var model = CheckpointRewriter.Write(
            Goldens.Require("qwen2-vl-tiny"),
            (name, data) => name == "model.embed_tokens.weight" ? [(name, data), ("lm_head.weight", data)] : [(name, data)],
            config =>
            {
                config["tie_word_embeddings"] = false;
                return config;
            });
        await Check(model, "qwen2-vl-tiny", "unpruned-tall");
    }

    /// <summary>liuhaotian/llava-v1.6: the tower inside, the tower's folder for its configuration only.</summary>
    [Theory]
    [InlineData("llava-next-mistral-tiny", "llava-next-mistral-tiny", "pruned-tall-t16", "llava_mistral")]
    [InlineData("llava-next-tiny", "traces/llava-next-tiny", "rocket-tall-t16", "llava_llama")]
    public async Task LlavaNext_as_its_authors_store_it(string folder, string cases, string name, string type)
    {
        (string, string)[] prefixes =
        [
            ("language_model.model.", "model."), ("language_model.lm_head.", "lm_head."), ("multi_modal_projector.linear_1.", "model.mm_projector.0."),
            ("multi_modal_projector.linear_2.", "model.mm_projector.2."), ("vision_tower.", "model.vision_tower.vision_tower."), ("image_newline", "model.image_newline"),
        ];
        using var model = CheckpointRewriter.Write(Goldens.Require(folder), (tensor, data) => [(Replace(tensor, prefixes), data)], config =>
        {
            var original = config["text_config"]!.DeepClone().AsObject();
            original["model_type"] = type;
            original["image_aspect_ratio"] = "anyres";
            original["image_grid_pinpoints"] = config["image_grid_pinpoints"]!.DeepClone();
            original["mm_hidden_size"] = 128;
            original["mm_patch_merge_type"] = "spatial_unpad";
            original["mm_projector_type"] = "mlp2x_gelu";
            original["mm_vision_select_feature"] = "patch";
            original["mm_vision_select_layer"] = -2;
            original["mm_vision_tower"] = "openai/clip-vit-large-patch14-336";
            return original;
        });
        await Check(model, cases, name, new LoadOptions { VisionTower = Goldens.Require("clip-vit-tiny-patch14-112") });
    }

    /// <summary>As SigLIP's towers of 384 pixels, whose 27 patches of 14 leave 6 pixels over: those have no influence.</summary>
    [Fact]
    public void SigLIP_whose_pixels_are_no_whole_number_of_patches()
    {
        const int Size = 118, Whole = 112;
        var folder = Goldens.Require("llava-siglip-tiny");
        using var rewritten = CheckpointRewriter.Write(folder, (name, data) => [(name, data)], config =>
        {
            config["vision_config"]!["image_size"] = Size;
            return config;
        });
        rewritten.Replace("preprocessor_config.json", old =>
        {
            old["size"] = new JsonObject { ["height"] = Size, ["width"] = Size };
            return old;
        });
        using var model = VisionLanguageModel.Load(rewritten.Folder);
        var prepared = model.Prepare(PictureFile.Load(Path.Combine(folder, "pictures", "cat.png")).Image);
        var crop = Assert.Single(prepared.Crops);
        Assert.Equal((8, 8), (crop.Grid.Columns, crop.Grid.Rows));
        Assert.Equal(150.0 * Whole / Size, crop.Grid.Width, 9);
        float[] pixels = [.. Enumerable.Range(0, 3 * Whole).SelectMany(row => crop.PixelValues.AsSpan((row / Whole * Size + row % Whole) * Size, Whole).ToArray())];

        using var usual = VisionLanguageModel.Load(folder);
        using var expected = Assert.Single(usual.Encode([prepared with { Crops = [crop with { PixelValues = pixels }] }], cancellation: TestContext.Current.CancellationToken));
        using var actual = Assert.Single(model.Encode([prepared], cancellation: TestContext.Current.CancellationToken));
        Assert.Equal(Tokens(usual, expected), Tokens(model, actual));

        static float[] Tokens(VisionLanguageModel model, EncodedPicture picture)
        {
            var tokens = new float[picture.Tokens.Rows * picture.Tokens.Columns];
            model.Backend.Download(picture.Tokens, tokens);
            return tokens;
        }
    }

    private static CheckpointRewriter InternVl(
        string folder, string prefix, Func<string, TensorData, IEnumerable<(string, TensorData)>> language, Func<JsonObject, JsonObject> text)
    {
        (string, string)[] names =
        [
            ("vision_model.", "vision_tower."), ("encoder.layers.", "encoder.layer."), ("class_embedding", "cls_token"), ("position_embedding", "position_embeddings"),
            ("patch_embedding", "patch_embeddings.projection"), (".ls1", ".lambda_1"), (".ls2", ".lambda_2"), ("attn.proj", "attention.projection_layer"),
            ("attn.", "attention."), (".norm1", ".layernorm_before"), (".norm2", ".layernorm_after"), ("mlp1.0", "multi_modal_projector.layer_norm"),
            ("mlp1.1", "multi_modal_projector.linear_1"), ("mlp1.3", "multi_modal_projector.linear_2"),
        ];
        var model = CheckpointRewriter.Write(
            Goldens.Require(folder),
            (name, data) => Convert(name, data).Select(tensor => (Prefixed(tensor.Item1), tensor.Item2)),
            config => new JsonObject
            {
                ["model_type"] = "internvl",
                ["downsample_ratio"] = 0.5,
                ["image_token_id"] = 700,
                ["text_config"] = text(config["llm_config"]!.DeepClone().AsObject()),
                ["vision_config"] = Vision(config["vision_config"]!.DeepClone().AsObject()),
                ["vision_feature_layer"] = -1,
                ["vision_feature_select_strategy"] = "default",
            });
        model.Replace("preprocessor_config.json", old => new JsonObject
        {
            ["crop_to_patches"] = true,
            ["image_mean"] = old["image_mean"]!.DeepClone(),
            ["image_std"] = old["image_std"]!.DeepClone(),
            ["image_processor_type"] = "GotOcr2ImageProcessorFast",
            ["max_patches"] = 6,
            ["min_patches"] = 1,
            ["size"] = new JsonObject { ["height"] = 112, ["width"] = 112 },
        });
        return model;

        IEnumerable<(string, TensorData)> Convert(string name, TensorData data)
        {
            if (name.StartsWith("language_model.", StringComparison.Ordinal)) return language(name, data);
            if (!name.Contains("attn.qkv", StringComparison.Ordinal)) return [(Replace(name, names), data)];
            var rows = (int)data.Shape[0] / 3;
            return "qkv".Select((part, i) => (Replace(name.Replace("attn.qkv", $"attn.{part}_proj", StringComparison.Ordinal), names), CheckpointRewriter.Rows(data, Enumerable.Range(i * rows, rows))));
        }

        string Prefixed(string name) => prefix.Length == 0 ? name
            : name.StartsWith("language_model.lm_head", StringComparison.Ordinal) ? name["language_model.".Length..]
            : prefix + name.Replace("language_model.model.", "language_model.", StringComparison.Ordinal);

        static JsonObject Vision(JsonObject vision)
        {
            vision["model_type"] = "internvl_vision";
            vision["image_size"] = new JsonArray(112, 112);
            vision["patch_size"] = new JsonArray(14, 14);
            vision["attention_bias"] = Move(vision, "qkv_bias")["qkv_bias"]!.DeepClone();
            vision["use_qk_norm"] = Move(vision, "qk_normalization")["qk_normalization"]!.DeepClone();
            return vision;
        }
    }

    private static async Task Check(CheckpointRewriter model, string folder, string name, LoadOptions? options = null)
    {
        var arguments = CaseArguments.Read(Goldens.Require($"{folder}/{name}.json"));
        using var golden = Checkpoint.Open(Goldens.Require($"{folder}/{name}.safetensors"));
        using var loaded = VisionLanguageModel.Load(model.Folder, options);
        var trace = new Trace();
        var answer = loaded.GenerateAsync(
            [new ChatTurn(arguments.Prompt)], [.. arguments.Images.Select(file => PictureFile.Load(file).Image)],
            new GenerationOptions { RawPrompt = true, IgnoreEndTokens = true, MaxTokens = 12, Pruning = arguments.Strategy, Trace = trace });
        await foreach (var piece in answer) Assert.NotNull(piece.Text);
        TensorComparison.AssertMatches(golden, trace.Tensors, n => FamilyGoldens.IsOutsideTrace(n) ? null : n, FamilyGoldens.Tolerance(folder));
    }

    /// <summary>Every replacement that fits, in order.</summary>
    private static string Replace(string name, (string From, string To)[] replacements) =>
        replacements.Aggregate(name, (text, r) => text.Replace(r.From, r.To, StringComparison.Ordinal));

    /// <summary>Takes keys out of an object.</summary>
    private static JsonObject Move(JsonObject from, params string[] keys)
    {
        var moved = new JsonObject();
        foreach (var key in keys)
        {
            moved[key] = from[key]?.DeepClone();
            from.Remove(key);
        }

        return moved;
    }
}
