using System.CommandLine;
using System.Globalization;
using FlowCut.Models;
using FlowCut.Models.Imaging;

namespace FlowCut.Cli;

/// <summary>The options that open a model, shared by every command that needs one.</summary>
internal sealed class ModelArguments
{
    private readonly Option<string> _model = new("--model") { Description = "The model's folder.", HelpName = "DIR", Required = true };
    private readonly Option<string?> _tower = new("--vision-tower") { Description = "Folder of the CLIP tower, for the authors' own LLaVA layout.", HelpName = "DIR" };
    private readonly Option<string> _device = new("--device") { Description = "auto, cpu, cuda[:n] or sim.", DefaultValueFactory = _ => "auto" };
    private readonly Option<string> _dtype = new("--dtype") { Description = "Type of activations and KV cache: auto, f32, f16 or bf16.", DefaultValueFactory = _ => "auto" };
    private readonly Option<int?> _minPixels = new("--min-pixels") { Description = "Pixels of a picture at least (Qwen2-VL).", HelpName = "N" };
    private readonly Option<int?> _maxPixels = new("--max-pixels") { Description = "Pixels of a picture at most (Qwen2-VL).", HelpName = "N" };
    private readonly Option<int?> _maxTiles = new("--max-tiles") { Description = "Tiles of a picture at most, without the thumbnail (InternVL2).", HelpName = "N" };
    private readonly Option<string> _preprocess = new("--preprocess") { Description = "original: as the authors do (LLaVA pads to a square); hf: as transformers does (LLaVA: centre crop).", DefaultValueFactory = _ => "original" };

    public void AddTo(Command command)
    {
        command.Add(_model);
        command.Add(_tower);
        command.Add(_device);
        command.Add(_dtype);
        command.Add(_preprocess);
        command.Add(_minPixels);
        command.Add(_maxPixels);
        command.Add(_maxTiles);
    }

    /// <summary>Names and values of all that decides what the model sees, device and type aside.</summary>
    public void Describe(ParseResult parsed, Action<string, string> add)
    {
        add("model", Path.TrimEndingDirectorySeparator(Path.GetFullPath(parsed.GetValue(_model)!)));
        add("vision-tower", parsed.GetValue(_tower) ?? "");
        add("preprocess", parsed.GetValue(_preprocess)!);
        foreach (var limit in new[] { _minPixels, _maxPixels, _maxTiles })
            add(limit.Name.TrimStart('-'), parsed.GetValue(limit)?.ToString(CultureInfo.InvariantCulture) ?? "");
    }

    public VisionLanguageModel Load(ParseResult parsed, ProgressDisplay progress)
    {
        var device = DeviceChoice.Parse(parsed.GetValue(_device)!, parsed.GetValue(_dtype)!);
        using var bar = progress.Start("loading");
        return VisionLanguageModel.Load(parsed.GetValue(_model)!, new LoadOptions { CreateBackend = device.Open, VisionTower = parsed.GetValue(_tower), Progress = bar });
    }

    public PictureOptions Pictures(ParseResult parsed) => new()
    {
        Mode = parsed.GetValue(_preprocess) switch
        {
            "original" => PreprocessMode.Original,
            "hf" => PreprocessMode.HuggingFace,
            var other => throw new InputException($"--preprocess takes original or hf, not '{other}'"),
        },
        MinPixels = parsed.GetValue(_minPixels),
        MaxPixels = parsed.GetValue(_maxPixels),
        MaxTiles = parsed.GetValue(_maxTiles),
    };
}
