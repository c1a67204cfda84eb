using System.CommandLine;
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
    private readonly Option<string> _preprocess = new("--preprocess") { Description = "original: pad to a square, as the authors do; hf: centre crop, as transformers does.", DefaultValueFactory = _ => "original" };

    public void AddTo(Command command)
    {
        command.Add(_model);
        command.Add(_tower);
        command.Add(_device);
        command.Add(_dtype);
        command.Add(_preprocess);
    }

    public VisionLanguageModel Load(ParseResult parsed, ProgressDisplay progress)
    {
        var device = DeviceChoice.Parse(parsed.GetValue(_device)!, parsed.GetValue(_dtype)!);
        using var bar = progress.Start("loading");
        return VisionLanguageModel.Load(parsed.GetValue(_model)!, new LoadOptions { CreateBackend = device.Open, VisionTower = parsed.GetValue(_tower), Progress = bar });
    }

    public PreprocessMode Preprocess(ParseResult parsed) => parsed.GetValue(_preprocess) switch
    {
        "original" => PreprocessMode.Original,
        "hf" => PreprocessMode.HuggingFace,
        var other => throw new InputException($"--preprocess takes original or hf, not '{other}'"),
    };
}
