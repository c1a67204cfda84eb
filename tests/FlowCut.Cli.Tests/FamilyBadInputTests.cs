using System.Text.Json.Nodes;
using FlowCut.Cli.Tests.Infrastructure;
using FlowCut.Imaging.Skia;
using FlowCut.Models.Imaging;
using FlowCut.Testing;

namespace FlowCut.Cli.Tests;

/// <summary>What does not suit LLaVA-NeXT, SigLIP-LLaVA, Qwen2-VL or InternVL2: each is refused with a message that says what and where.</summary>
public sealed class FamilyBadInputTests : IDisposable
{
    private const string Next = "llava-next-mistral-tiny", Siglip = "llava-siglip-tiny", Qwen = "qwen2-vl-tiny", InternVl = "internvl2-tiny-qwen2", InternLm = "internvl2-tiny-internlm2";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    // budgets: of the whole picture and its tiles without padding, of a square, of a picture at its own size, of a tile
    [InlineData(Next, "tall", "--keep 161", "--keep 161", "1 to 160")]
    [InlineData(Siglip, "cat", "--keep 65", "--keep 65", "1 to 64")]
    [InlineData(Qwen, "wide", "--keep 55", "--keep 55", "1 to 54")]
    [InlineData(InternVl, "tall", "--keep 17", "--keep 17", "1 to 16")]
    [InlineData(Next, "tall", "--llm-stage 161@1", "--llm-stage 161", "1 to 160")]
    [InlineData(Siglip, "cat", "--llm-stage 65@1", "--llm-stage 65", "1 to 64")]
    [InlineData(Qwen, "wide", "--llm-stage 55@1", "--llm-stage 55", "1 to 54")]
    [InlineData(InternVl, "tall", "--llm-stage 113@1", "--llm-stage 113", "1 to 112")]
    // stages in the language model: of 4, 3, 4 and 3 layers
    [InlineData(Next, "tall", "--llm-stage 8@3", "layer 3", "0 to 2")]
    [InlineData(Siglip, "cat", "--llm-stage 8@2", "layer 2", "0 to 1")]
    [InlineData(Qwen, "wide", "--llm-stage 8@3", "layer 3", "0 to 2")]
    [InlineData(InternVl, "tall", "--llm-stage 8@9", "layer 9", "0 to 1")]
    [InlineData(Qwen, "wide", "--llm-stage 8", "N@LAYER", "'8'")]
    [InlineData(Qwen, "wide", "--llm-stage @1", "N@LAYER", "'@1'")]
    [InlineData(Qwen, "wide", "--llm-stage 8@x", "N@LAYER", "'8@x'")]
    [InlineData(Qwen, "wide", "--llm-stage 0@1", "N@LAYER", "'0@1'")]
    // options of other families
    [InlineData(Next, "tall", "--max-tiles 4", "--max-tiles", "llava_next")]
    [InlineData(Next, "tall", "--max-pixels 40000", "--max-pixels", "llava_next")]
    [InlineData(Siglip, "cat", "--max-tiles 4", "--max-tiles", "llava")]
    [InlineData(Siglip, "cat", "--min-pixels 4000", "--min-pixels", "llava")]
    [InlineData(Qwen, "wide", "--max-tiles 4", "--max-tiles", "qwen2_vl")]
    [InlineData(InternVl, "tall", "--min-pixels 4000", "--min-pixels", "internvl_chat")]
    [InlineData(InternVl, "tall", "--max-pixels 4000", "--max-pixels", "internvl_chat")]
    [InlineData(InternVl, "tall", "--max-tiles 0", "0 tiles", "1 to")]
    [InlineData(Qwen, "wide", "--min-pixels 90000 --max-pixels 40000", "90000", "40000")]
    [InlineData(Qwen, "wide", "--max-pixels 100", "100")]
    [InlineData(Qwen, "wide", "--keep 8 --set positions=compact", "positions=compact", "Qwen2-VL")]
    [InlineData(Next, "tall", "--keep 16 --set selection=released-patches", "selection=released-patches", "Qwen2-VL")]
    [InlineData(Siglip, "cat", "--keep 16 --set selection=released-patches", "selection=released-patches", "Qwen2-VL")]
    [InlineData(InternVl, "tall", "--keep 8 --set selection=released-patches", "selection=released-patches", "Qwen2-VL")]
    [InlineData(Next, "tall", "--keep 16 --set global=attention-density", "global=attention-density", "CLS")]
    [InlineData(InternVl, "tall", "--keep 8 --set global=attention-density", "global=attention-density", "CLS")]
    public void An_option_that_does_not_fit(string model, string picture, string options, params string[] named) =>
        Refusal.AssertRefused([.. Generate(model, picture), .. options.Split(' ')], named);

    [Theory]
    [InlineData(Next, "tall", "no marker", "0 picture markers")]
    [InlineData(Next, "tall", "<image> <image>", "2 picture markers")]
    [InlineData(Siglip, "cat", "no marker", "0 picture markers")]
    [InlineData(Siglip, "cat", "<image><image>", "2 picture markers")]
    [InlineData(Qwen, "wide", "no marker", "0 picture markers")]
    [InlineData(Qwen, "wide", "<image><|vision_start|><|image_pad|><|vision_end|>", "2 picture markers")]
    [InlineData(InternVl, "tall", "no marker", "0 picture markers")]
    [InlineData(InternLm, "tall", "<image><image>", "2 picture markers")]
    public void Markers_that_are_more_or_fewer_than_the_pictures(string model, string picture, string prompt, string named) =>
        Refusal.AssertRefused([.. Generate(model, picture, prompt), "--raw-prompt"], named, "1 pictures");

    [Theory]
    [InlineData(Next, "tall", "LLaVA-NeXT")]
    [InlineData(Siglip, "cat", "LLaVA-1.5")]
    [InlineData(InternVl, "tall", "InternVL2")]
    public void Several_pictures_for_a_family_that_takes_one(string model, string picture, string family) =>
        Refusal.AssertRefused([.. Generate(model, picture), "--image", Picture(model, picture)], family, "one picture", "2 were given");

    [Fact]
    public void A_stage_in_the_language_model_without_text_behind_the_picture() =>
        Refusal.AssertRefused([.. Generate(Siglip, "cat", "What is it? <image>"), "--raw-prompt", "--llm-stage", "8@1"], "ends with a picture");

    [Fact]
    public void A_prompt_format_that_is_not_known()
    {
        var copy = Copy(Next);
        foreach (var file in Directory.EnumerateFiles(copy, "*.json"))
            File.WriteAllText(file, File.ReadAllText(file).Replace("\"<unk>\"", "\"<|start_header_id|>\"", StringComparison.Ordinal));
        Refusal.AssertRefused(Generate(Next, "tall", folder: copy), "Llama 3", "--raw-prompt");
    }

    [Fact]
    public void A_number_of_tiles_for_a_model_that_makes_none() =>
        Refusal.AssertRefused(
            [.. Generate(InternVl, "tall", folder: Edited(InternVl, "config.json", "\"dynamic_image_size\": true", "\"dynamic_image_size\": false")), "--max-tiles", "4"],
            "dynamic_image_size");

    [Fact]
    public void A_ratio_of_pictures_of_different_size() =>
        Refusal.AssertRefused([.. Generate(Qwen, "cat"), "--image", Picture(Qwen, "tall"), "--keep-ratio", "0.5"], "--keep-ratio", "--keep N");

    [Fact]
    public void A_picture_that_is_over_200_times_as_long_as_wide()
    {
        var file = _folder["thread.png"];
        PictureWriter.SavePng(new RgbImage(603, 3, new byte[603 * 3 * 3]), file);
        Refusal.AssertRefused(["generate", "--model", Goldens.Require(Qwen), "--image", file, "--prompt", "What?", "--device", "cpu"], "thread.png", "603x3", "200");
    }

    [Theory]
    [InlineData(Qwen, "wide", "<|image_pad|>")]
    [InlineData(Qwen, "wide", "<|vision_start|>")]
    [InlineData(InternVl, "tall", "<IMG_CONTEXT>")]
    [InlineData(InternVl, "tall", "<|im_end|>")]
    [InlineData(InternLm, "tall", "<IMG_CONTEXT>")]
    public void A_tokenizer_without_a_token_of_the_model(string model, string picture, string token)
    {
        var copy = Copy(model);
        foreach (var file in Directory.EnumerateFiles(copy).Where(f => Path.GetExtension(f) is ".json"))
            File.WriteAllText(file, File.ReadAllText(file).Replace(token, token.Replace('>', ')'), StringComparison.Ordinal));
        Refusal.AssertRefused(Generate(model, picture, folder: copy), $"'{token}'", "the model needs");
    }

    [Theory]
    [InlineData(Next, "tall", "\"llava_next\"", "\"llava_nexst\"")]
    [InlineData(Qwen, "wide", "\"qwen2_vl\"", "\"qwen5_vl\"")]
    [InlineData(InternVl, "tall", "\"internvl_chat\"", "\"internvl_video\"")]
    public void A_model_type_that_is_unknown(string model, string picture, string from, string to) =>
        Refusal.AssertRefused(Generate(model, picture, folder: Edited(model, "config.json", from, to)), "config.json", to.Trim('"'), "supported are");

    [Theory]
    [InlineData(Next, "tall", "112", "56", "56", "112")]
    [InlineData(Siglip, "cat", "112", "126", "126", "112")]
    [InlineData(Qwen, "wide", "\"patch_size\": 14", "\"patch_size\": 16", "16", "14")]
    [InlineData(Qwen, "wide", "\"max_pixels\": 200704", "\"max_pixels\": 20", "20")]
    public void A_preprocessor_that_contradicts_the_model(string model, string picture, string from, string to, params string[] named) =>
        Refusal.AssertRefused(Generate(model, picture, folder: Edited(model, "preprocessor_config.json", from, to)), ["preprocessor_config.json", .. named]);

    [Theory]
    [InlineData(Next, "tall", "image_newline")]
    [InlineData(Siglip, "cat", "vision_tower.vision_model.embeddings.patch_embedding.bias")]
    [InlineData(Qwen, "wide", "visual.merger.ln_q.weight")]
    [InlineData(InternVl, "tall", "vision_model.encoder.layers.0.ls1")]
    [InlineData(InternLm, "tall", "language_model.model.layers.0.attention.wqkv.weight")]
    public void A_tensor_that_is_missing_or_of_another_shape(string model, string picture, string tensor)
    {
        const string weights = "model.safetensors";
        var original = Path.Combine(Goldens.Require(model), weights);
        var copy = Copy(model, without: weights);

        // renamed: a removed one would leave a hole in the data, which is an error of its own
        var missing = new SafetensorsEditor(original);
        var entry = missing.Header[tensor]!.DeepClone();
        missing.Header.Remove(tensor);
        missing.Header["other"] = entry;
        _folder.Write($"model/{weights}", missing.ToBytes());
        Refusal.AssertRefused(Generate(model, picture, folder: copy), weights, tensor);

        var wrong = new SafetensorsEditor(original);
        var shape = wrong.Header[tensor]!["shape"]!.AsArray().Select(s => s!.GetValue<int>()).ToArray();
        wrong.Header[tensor]!["shape"] = new JsonArray([.. shape[..^1].Append(shape[^1] / 2).Append(2).Select(s => (JsonNode)s)]);
        _folder.Write($"model/{weights}", wrong.ToBytes());
        Refusal.AssertRefused(Generate(model, picture, folder: copy), weights, tensor, $"{shape[^1] / 2}, 2");
    }

    private string Copy(string model, params string[] without) => _folder.CopyFolder(Goldens.Require(model), "model", without);

    private string Edited(string model, string file, string from, string to)
    {
        var copy = Copy(model, file);
        var text = File.ReadAllText(Path.Combine(Goldens.Require(model), file));
        Assert.Contains(from, text, StringComparison.Ordinal);
        File.WriteAllText(_folder[$"model/{file}"], text.Replace(from, to, StringComparison.Ordinal));
        return copy;
    }

    private static string Picture(string model, string picture) => Path.Combine(Goldens.Require(model), "pictures", picture + ".png");

    private static string[] Generate(string model, string picture, string prompt = "What?", string? folder = null) =>
    [
        "generate", "--model", folder ?? Goldens.Require(model), "--image", Picture(model, picture), "--prompt", prompt, "--device", "cpu", "--max-tokens", "2",
        "--trace", "trace.safetensors", "--overlay", "overlay.png",
    ];
}
