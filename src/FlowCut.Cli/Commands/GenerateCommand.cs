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
    private readonly Option<string[]> _image = new("--image") { Description = "The picture: JPEG, PNG or WebP; repeatable for models that take several.", HelpName = "FILE", Required = true };
    private readonly Option<string> _prompt = new("--prompt") { Description = "The question.", HelpName = "TEXT", Required = true };
    private readonly Option<bool> _raw = new("--raw-prompt") { Description = "The prompt is the whole text, <image> included; no chat template." };
    private readonly Option<string?> _trace = new("--trace") { Description = "Write every intermediate tensor to a safetensors file.", HelpName = "FILE" };
    private readonly Option<string?> _overlay = new("--overlay") { Description = "Write the picture with the kept patches marked.", HelpName = "FILE.png" };
    private readonly Option<bool> _show = new("--show") { Description = "Draw the same in the terminal." };
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
        command.Add(arguments._show);
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
        RgbImage[] pictures = [.. parsed.GetValue(_image)!.Select(Pictures.Load)];
        var prepare = _model.Pictures(parsed);

        var progress = new ProgressDisplay(quiet: json);
        var clock = System.Diagnostics.Stopwatch.StartNew();
        using var model = _model.Load(parsed, progress);
        var load = clock.Elapsed.TotalMilliseconds;
        if (pictures.Length > model.MaxPictures) throw new InputException($"{model.Description.Family} takes one picture, {pictures.Length} were given");
        var trace = tracePath is null ? null : new Trace();
        var options = _sampling.Apply(parsed, new GenerationOptions
        {
            Pruning = _pruning.Choice(parsed, model, pictures, prepare).Strategy(),
            Pictures = prepare,
            RawPrompt = parsed.GetValue(_raw),
            Trace = trace,
        });
        var answer = model.GenerateAsync([new ChatTurn(parsed.GetValue(_prompt)!)], pictures, options);
        var text = await AnswerPrinter.Print(answer, json ? TextWriter.Null : Console.Out, progress, cancellation);
        // an answer that was stopped leaves no files
        if (answer.Finish != FinishReason.Cancelled)
        {
            if (trace is not null) OutputFile.Write(tracePath!, () => trace.Save(tracePath!));
            var overlay = overlayPath is null && !parsed.GetValue(_show) ? null : Overlay(pictures[0], answer);
            if (overlayPath is not null) OutputFile.Write(overlayPath, () => PictureWriter.SavePng(overlay!, overlayPath));
            if (parsed.GetValue(_show)) Show(overlay!);
        }

        foreach (var remark in answer.Prepared.Select(p => p.Remark).OfType<string>()) await Console.Error.WriteLineAsync(remark);
        var report = new AnswerReport(model, options, answer, text, load);
        if (json) await Console.Out.WriteLineAsync(report.ToJson());
        else await Console.Error.WriteLineAsync(report.ToLine());
        return answer.Finish == FinishReason.Cancelled ? ExitStatus.Interrupted : ExitStatus.Done;
    }

    /// <summary>Of the first picture: all its crops at once.</summary>
    private static RgbImage Overlay(RgbImage picture, Answer answer)
    {
        var crops = answer.Prepared[0].Crops;
        return KeptPatchOverlay.Draw(picture, [.. crops.Select((crop, i) => (crop.Grid, (IReadOnlyList<int>)answer.KeptPatches[i]))], KeptPatchOverlay.UsualSide);
    }

    /// <summary>On standard error: standard output is the answer's alone.</summary>
    private static void Show(RgbImage overlay)
    {
        var colors = TerminalPicture.OfStandardError();
        Console.Error.WriteLine(colors == TerminalPicture.Colors.None
            ? "--show: no picture, as standard error is no terminal in colour (TERM, COLORTERM and NO_COLOR say so)"
            : TerminalPicture.Draw(overlay, TerminalPicture.ColumnsOfTerminal(), colors).TrimEnd('\n'));
    }
}
