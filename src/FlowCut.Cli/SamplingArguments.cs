using System.CommandLine;
using FlowCut.Models.Generation;

namespace FlowCut.Cli;

/// <summary>The options of decoding, shared by generate and chat.</summary>
internal sealed class SamplingArguments
{
    private readonly Option<int> _maxTokens = new("--max-tokens") { Description = "Tokens of the answer at most.", HelpName = "N", DefaultValueFactory = _ => 128 };
    private readonly Option<float> _temperature = new("--temperature") { Description = "0 is greedy.", HelpName = "X", DefaultValueFactory = _ => 0 };
    private readonly Option<float> _topP = new("--top-p") { Description = "Sample from the likeliest tokens with this probability together.", HelpName = "P", DefaultValueFactory = _ => 1 };
    private readonly Option<int> _topK = new("--top-k") { Description = "Sample from the K likeliest tokens; 0: from all.", HelpName = "K", DefaultValueFactory = _ => 0 };
    private readonly Option<ulong> _seed = new("--seed") { Description = "Seed of the sampling.", HelpName = "N", DefaultValueFactory = _ => 0 };
    private readonly Option<string?> _system = new("--system") { Description = "Text of the system turn.", HelpName = "TEXT" };
    private readonly Option<bool> _ignoreEos = new("--ignore-eos") { Description = "Go on after the end token." };

    public void AddTo(Command command)
    {
        command.Add(_maxTokens);
        command.Add(_temperature);
        command.Add(_topP);
        command.Add(_topK);
        command.Add(_seed);
        command.Add(_system);
        command.Add(_ignoreEos);
    }

    public GenerationOptions Apply(ParseResult parsed, GenerationOptions options) => options with
    {
        MaxTokens = parsed.GetValue(_maxTokens),
        Temperature = parsed.GetValue(_temperature),
        TopP = parsed.GetValue(_topP),
        TopK = parsed.GetValue(_topK),
        Seed = parsed.GetValue(_seed),
        System = parsed.GetValue(_system),
        IgnoreEndTokens = parsed.GetValue(_ignoreEos),
    };
}
