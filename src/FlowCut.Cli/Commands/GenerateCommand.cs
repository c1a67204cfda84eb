using System.CommandLine;
using FlowCut.Imaging.Skia;
using FlowCut.Models;
using FlowCut.Models.Families;
using FlowCut.Models.Generation;
using FlowCut.Models.Imaging;
using FlowCut.Models.Tracing;

namespace FlowCut.Cli.Commands;

/// <summary>flowcut generate: one answer about one picture.</summary>
internal sealed class GenerateCommand
{
    private readonly ModelArguments _model = new();
    private readonly PruningArguments _pruning = new();
    private readonly SamplingArguments _sampling = new();
    private readonly Option<string[]> _image = new("--image") { Description = "The picture: JPEG, PNG or WebP.", HelpName = "FILE", Required = true };
    private readonly Option<string> _prompt = new("--prompt") { Description = "The question.", HelpName = "TEXT", Required = true };
    private readonly Option<bool> _raw = new("--raw-prompt") { Description = "The prompt is the whole text, <image> included; no chat template." };
    private readonly Option<string?> _trace = new("--trace") { Description = "Write every intermediate tensor to a safetensors file.", HelpName = "FILE" };
    private readonly Option<string?> _overlay = new("--overlay") { Description = "Write the picture with the kept patches marked.", HelpName = "FILE.png" };
    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object instead of the text." };

    public static Command Create()
    {
        var arguments = new GenerateCommand();
        var command = new Command("generate", "Answer a question about a picture.");
        arguments._model.AddTo(command);
        command.Add(arguments._image);
        command.Add(arguments._prompt);
        arguments._pruning.AddTo(command);
        arguments._sampling.AddTo(command);
        command.Add(arguments._raw);
        command.Add(arguments._trace);
        command.Add(arguments._overlay);
        command.Add(arguments._json);
        command.SetAction((parsed, cancellation) => arguments.Run(parsed, cancellation));
        return command;
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellation)
    {
        var json = parsed.GetValue(_json);
        var (tracePath, overlayPath) = (parsed.GetValue(_trace), parsed.GetValue(_overlay));
        OutputFile.Check(tracePath);
        OutputFile.Check(overlayPath);
        if (parsed.GetValue(_image) is not [var imagePath]) throw new InputException($"LLaVA takes one picture, {parsed.GetValue(_image)!.Length} were given");
        var picture = Pictures.Load(imagePath);

        var progress = new ProgressDisplay(quiet: json);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        using var model = _model.Load(parsed, progress);
        var load = clock.Elapsed.TotalMilliseconds;
        var trace = tracePath is null ? null : new Trace();
        var options = _sampling.Apply(parsed, new GenerationOptions
        {
            Pruning = _pruning.Strategy(parsed, model.Description.PictureTokens),
            Preprocess = _model.Preprocess(parsed),
            RawPrompt = parsed.GetValue(_raw),
            Trace = trace,
        });
        var answer = model.GenerateAsync([new ChatTurn(parsed.GetValue(_prompt)!)], [picture], options);
        var text = await AnswerPrinter.Print(answer, json ? TextWriter.Null : Console.Out, progress, cancellation);
        // an answer that was stopped leaves no files
        if (answer.Finish != FinishReason.Cancelled)
        {
            if (trace is not null) OutputFile.Write(tracePath!, () => trace.Save(tracePath!));
            if (overlayPath is not null) OutputFile.Write(overlayPath, () => SaveOverlay(overlayPath, picture, answer));
        }

        var report = new AnswerReport(model, options, answer, text, load);
        if (json) await Console.Out.WriteLineAsync(report.ToJson());
        else await Console.Error.WriteLineAsync(report.ToLine());
        return answer.Finish == FinishReason.Cancelled ? ExitStatus.Interrupted : ExitStatus.Done;
    }

    private static void SaveOverlay(string path, RgbImage picture, Answer answer) =>
        PictureWriter.SavePng(KeptPatchOverlay.Draw(picture, answer.Prepared[0].Grid, answer.Records[0].Kept), path);
}
