using System.CommandLine;
using System.Globalization;
using FlowCut.Models;
using FlowCut.Models.Families;
using FlowCut.Models.Generation;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;

namespace FlowCut.Cli.Commands;

/// <summary>flowcut chat: a dialogue about a picture. Ctrl-C stops an answer, not the program.</summary>
internal sealed class ChatCommand
{
    private readonly ModelArguments _model = new();
    private readonly PruningArguments _pruning = new();
    private readonly SamplingArguments _sampling = new();
    private readonly Option<string[]> _image = new("--image") { Description = "The picture to talk about.", HelpName = "FILE" };

    public static Command Create()
    {
        var arguments = new ChatCommand();
        var command = new Command("chat", "Talk about a picture. /image, /keep, /method, /stats, /clear, /exit.");
        arguments._model.AddTo(command);
        command.Add(arguments._image);
        arguments._pruning.AddTo(command);
        arguments._sampling.AddTo(command);
        command.SetAction((parsed, _) => arguments.Run(parsed));
        return command;
    }

    private async Task<int> Run(ParseResult parsed)
    {
        RgbImage[] pictures = [.. (parsed.GetValue(_image) ?? []).Select(Pictures.Load)];
        var prepare = _model.Pictures(parsed);
        var progress = new ProgressDisplay(quiet: false);
        using var model = _model.Load(parsed, progress);
        if (pictures.Length > model.MaxPictures) throw new InputException($"{model.Description.Family} takes one picture, {pictures.Length} were given");
        var choice = _pruning.Choice(parsed, model, pictures, prepare);
        var options = _sampling.Apply(parsed, new GenerationOptions { Pruning = choice.Strategy(), Pictures = prepare });
        var dialogue = new Dialogue(model, pictures, options, choice, progress);
        if (!Console.IsInputRedirected)
            await Console.Error.WriteLineAsync("Ask about the picture. /image FILE, /keep N|all, /method NAME, /stats, /clear, /exit; Ctrl-C stops an answer.");
        return await dialogue.Run();
    }

    /// <summary>The turns so far, the picture, and the commands that change them.</summary>
    private sealed class Dialogue(VisionLanguageModel model, IReadOnlyList<RgbImage> pictures, GenerationOptions options, PruningChoice choice, ProgressDisplay progress)
    {
        private readonly List<ChatTurn> _turns = [];
        private GenerationOptions _options = options;
        private IReadOnlyList<RgbImage> _pictures = pictures;
        private AnswerReport? _last;
        private PruningChoice _choice = choice;
        private CancellationTokenSource? _answering;

        public async Task<int> Run()
        {
            Console.CancelKeyPress += StopAnswer;
            try
            {
                while (true)
                {
                    if (!Console.IsInputRedirected) await Console.Error.WriteAsync("> ");
                    var line = await Console.In.ReadLineAsync();
                    if (line is null or "/exit") return ExitStatus.Done;
                    if (string.IsNullOrWhiteSpace(line)) continue;
                    try
                    {
                        if (line.StartsWith('/')) Obey(line);
                        else await Ask(line);
                    }
                    catch (InputException e)
                    {
                        // a dialogue goes on after a mistake
                        await Console.Error.WriteLineAsync(e.Message);
                    }
                }
            }
            finally
            {
                Console.CancelKeyPress -= StopAnswer;
            }
        }

        private async Task Ask(string question)
        {
            using var answering = new CancellationTokenSource();
            _answering = answering;
            try
            {
                var answer = model.GenerateAsync([.. _turns, new ChatTurn(question)], _pictures, _options);
                var text = await AnswerPrinter.Print(answer, Console.Out, progress, answering.Token);
                _turns.Add(new ChatTurn(question, text.Trim()));
                _last = new AnswerReport(model, _options, answer, text, 0);
            }
            finally
            {
                _answering = null;
            }
        }

        private void Obey(string line)
        {
            var space = line.IndexOf(' ', StringComparison.Ordinal);
            var (command, argument) = space < 0 ? (line, "") : (line[..space], line[(space + 1)..].Trim());
            switch (command)
            {
                case "/image" when argument.Length > 0:
                    _pictures = [Pictures.Load(argument)];
                    _turns.Clear();
                    break;
                case "/keep" when argument == "all":
                    _options = _options with { Pruning = null };
                    break;
                case "/keep" when int.TryParse(argument, NumberStyles.None, CultureInfo.InvariantCulture, out var keep):
                    Prune(_choice.WithBudget(keep));
                    break;
                case "/method" when argument.Length > 0:
                    Prune(Change(PruningMethod.Find(argument)));
                    break;
                case "/stats":
                    Console.Error.WriteLine(_last?.ToLine() ?? "no answer yet");
                    break;
                case "/clear":
                    _turns.Clear();
                    break;
                default:
                    throw new InputException($"'{line}' is no command; there are /image FILE, /keep N|all, /method NAME, /stats, /clear, /exit");
            }
        }

        /// <summary>Options are the method's own.</summary>
        private PruningChoice Change(PruningMethod method)
        {
            if (method != _choice.Method) return _choice with { Method = method, Keep = _choice.Keep ?? Most(), Settings = new Dictionary<string, string>() };
            return method.HasBudget(_choice.Settings) ? _choice : _choice with { Keep = _choice.Keep ?? Most() };
        }

        private void Prune(PruningChoice choice)
        {
            var most = Most();
            if (choice.Keep < 1 || choice.Keep > most) throw new InputException($"a picture has {most} visual tokens, so the budget is 1 to {most}");
            _options = _options with { Pruning = choice.Strategy() };
            _choice = choice;
        }

        /// <summary>The greatest budget that all pictures allow.</summary>
        private int Most() => _pictures.Count == 0 ? model.Description.PictureTokens : _pictures.Min(p => model.BudgetTokens(p, _options.Pictures));

        private void StopAnswer(object? sender, ConsoleCancelEventArgs e)
        {
            if (_answering is not { } answering) return;
            e.Cancel = true;
            answering.Cancel();
        }
    }
}
