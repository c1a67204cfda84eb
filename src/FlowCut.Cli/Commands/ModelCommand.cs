using System.CommandLine;
using System.Globalization;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Families;
using FlowCut.Models.Pruning;

namespace FlowCut.Cli.Commands;

/// <summary>flowcut model: what a checkpoint is and costs, how to get one, conversion to safetensors.</summary>
internal static class ModelCommand
{
    /// <summary>Of the costs that are shown.</summary>
    private const int TextTokens = 40;

    public static Command Create()
    {
        var command = new Command("model", "What a checkpoint is, how to get one, conversion to safetensors.");
        var info = new Command("info", "Family, sizes, and what each budget costs.");
        var folder = new Argument<string>("DIR") { Description = "The model's folder." };
        var tower = new Option<string?>("--vision-tower") { Description = "Folder of the CLIP tower, for the authors' own LLaVA layout.", HelpName = "DIR" };
        info.Add(folder);
        info.Add(tower);
        info.SetAction((parsed, _) => Info(parsed.GetValue(folder)!, parsed.GetValue(tower)));

        var convert = new Command("convert", "The authors' own LLaVA layout to one Hugging Face folder with safetensors.");
        var source = new Argument<string>("DIR") { Description = "The model's folder." };
        var target = new Argument<string>("OUT") { Description = "A new or empty folder." };
        var convertTower = new Option<string?>("--vision-tower") { Description = "Folder of the CLIP tower.", HelpName = "DIR" };
        convert.Add(source);
        convert.Add(target);
        convert.Add(convertTower);
        convert.SetAction((parsed, cancellation) => Convert(parsed.GetValue(source)!, parsed.GetValue(target)!, parsed.GetValue(convertTower), cancellation));

        var help = new Command("download-help", "Where checkpoints come from.");
        help.SetAction(_ =>
        {
            Console.WriteLine("""
                flowcut reads model folders; it downloads nothing itself. With the Hugging Face command line:

                  hf download llava-hf/llava-1.5-7b-hf --local-dir llava-1.5-7b-hf

                The authors' own layout works too; its CLIP tower lies in a folder of its own:

                  hf download liuhaotian/llava-v1.5-7b --local-dir llava-v1.5-7b
                  hf download openai/clip-vit-large-patch14-336 --local-dir clip-vit-large-patch14-336

                The same folder of CLIP is what the pruning method cdpruner compares pictures and questions by, with either layout
                (of it config.json, vocab.json, merges.txt, the two small tokenizer files and pytorch_model.bin):

                  --method cdpruner --keep 64 --set clip=clip-vit-large-patch14-336

                LLaVA-NeXT, InternVL2 and Qwen2-VL, for instance (InternVL2 in either layout, without its Python files):

                  hf download llava-hf/llava-v1.6-mistral-7b-hf --local-dir llava-v1.6-mistral-7b-hf
                  hf download OpenGVLab/InternVL2-2B --local-dir InternVL2-2B
                  hf download Qwen/Qwen2-VL-2B-Instruct --local-dir Qwen2-VL-2B-Instruct

                Then: flowcut generate --model llava-1.5-7b-hf --image photo.jpg --prompt "What is this?" --keep 64
                """);
            return ExitStatus.Done;
        });

        command.Add(info);
        command.Add(convert);
        command.Add(help);
        return command;
    }

    private static Task<int> Info(string folder, string? tower)
    {
        var facts = ModelFacts.Read(folder, tower);
        var d = facts.Description;
        Line("model", $"{d.Family} ({d.ModelType}, {d.Layout} layout)");
        Line("vision", $"{d.Vision.Architecture}, {d.VisionLayersRun} of {d.Vision.Layers} layers run, {d.Vision.HiddenSize} wide, {d.Vision.Heads} heads of {d.Vision.HeadSize}, {Pictures(d)}");
        Line("language", $"{d.Language.Architecture}, {d.Language.Layers} layers, {d.Language.HiddenSize} wide, {d.Language.Heads} heads, {d.Language.KeyValueHeads} key/value heads, vocabulary {d.Language.VocabularySize}, context {d.Language.ContextLength}");
        Line("parameters", facts.Parameters.ToString("N0", CultureInfo.InvariantCulture));
        Line("weights", facts.WeightBytes is { } bytes ? $"{Gigabytes(bytes)} on disk, mapped" : "none in this folder; the parameters are counted from the configuration");
        foreach (var (what, why) in facts.NotSupported()) Line("lacks", $"{what}: {why}");
        Console.WriteLine();
        var half = facts.Needs.HalfType;
        Console.WriteLine($"FlowCut on {(d.PictureCrops > 1 ? "the largest picture" : "a picture")} with {TextTokens} text tokens; cache and memory on a device in {(half == StoredType.BFloat16 ? "bf16" : "f16")}:");
        Console.WriteLine($"{(d.Form == PictureForm.Tiles ? "keep per tile" : "keep"),13}{"enter",9}{"stay",8}{"prompt",9}{"prefill GFLOP",15}{"KV cache",12}{"on a device",14}");
        foreach (var cost in facts.Costs(TextTokens))
            Console.WriteLine($"{cost.Keep?.ToString(CultureInfo.InvariantCulture) ?? "all",13}{cost.Entered,9}{cost.Kept,8}{cost.Entered + TextTokens,9}{(cost.PrefillFlops() / 1e9).ToString("N0", CultureInfo.InvariantCulture),15}{Megabytes(cost.CacheBytes(half)),12}{Megabytes(cost.Bytes),14}");
        return Task.FromResult(ExitStatus.Done);
    }

    private static string Pictures(ModelDescription d)
    {
        var patches = $"{d.Vision.ImageSize} px / {d.Vision.PatchSize}";
        return d.Form switch
        {
            PictureForm.Square => $"{patches} = {d.PictureTokens} visual tokens",
            PictureForm.AnyRes => $"{patches} = {d.Vision.Patches} patches a crop, up to {d.PictureCrops} crops and {d.PictureTokens} visual tokens",
            PictureForm.Tiles => $"{patches} = {d.Vision.Patches / d.Vision.GroupSize} visual tokens a tile, up to {d.PictureCrops} tiles and {d.PictureTokens} visual tokens",
            _ => $"pictures at their own resolution, up to {d.PictureTokens} visual tokens",
        };
    }

    private static Task<int> Convert(string source, string target, string? tower, CancellationToken cancellation)
    {
        OutputFile.CheckNamed(target);
        OutputFile.Write(target, () => ModelConverter.Convert(source, target, tower, cancellation));
        Console.Error.WriteLine($"wrote {target}");
        return Task.FromResult(ExitStatus.Done);
    }

    private static void Line(string what, string value) => Console.WriteLine($"{what,-12}{value}");

    private static string Gigabytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:F2} GB");

    private static string Megabytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e6:F1} MB");
}
