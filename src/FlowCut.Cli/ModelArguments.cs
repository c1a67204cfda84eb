using System.CommandLine;
using FlowCut.Models;
using FlowCut.Models.Backends;
using FlowCut.Models.Backends.Cpu;
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
        var backend = Backends.Create(parsed.GetValue(_device)!, parsed.GetValue(_dtype)!);
        try
        {
            using var bar = progress.Start("loading");
            var model = VisionLanguageModel.Load(parsed.GetValue(_model)!, new LoadOptions { Backend = backend, VisionTower = parsed.GetValue(_tower), Progress = bar });
            return model;
        }
        catch
        {
            backend.Dispose();
            throw;
        }
    }

    public PreprocessMode Preprocess(ParseResult parsed) => parsed.GetValue(_preprocess) switch
    {
        "original" => PreprocessMode.Original,
        "hf" => PreprocessMode.HuggingFace,
        var other => throw new InputException($"--preprocess takes original or hf, not '{other}'"),
    };
}

/// <summary>Finds the backend that an option asks for.</summary>
internal static class Backends
{
    /// <exception cref="DeviceNotAvailableException">The device is not there.</exception>
    /// <exception cref="InputException">An unknown device or type, or a type that the device does not compute in.</exception>
    public static Backend Create(string device, string dtype)
    {
        if (dtype is not ("auto" or "f32" or "f16" or "bf16")) throw new InputException($"--dtype takes auto, f32, f16 or bf16, not '{dtype}'");
        if (device is "auto")
        {
            Console.Error.WriteLine("device: cpu (this build has no CUDA backend)");
        }
        else if (device is "sim" or "cuda" || device.StartsWith("cuda:", StringComparison.Ordinal))
        {
            throw new DeviceNotAvailableException($"the device '{device}' is not available: this build has the CPU backend only; use --device cpu");
        }
        else if (device != "cpu")
        {
            throw new InputException($"--device takes auto, cpu, cuda[:n] or sim, not '{device}'");
        }

        if (dtype is "f16" or "bf16") throw new InputException($"the CPU backend computes in f32, not {dtype}; use --dtype f32 (weights stay 16-bit as stored)");
        return new CpuBackend();
    }
}
