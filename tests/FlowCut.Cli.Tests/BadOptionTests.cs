using FlowCut.Cli.Tests.Infrastructure;

namespace FlowCut.Cli.Tests;

/// <summary>Options that are unknown, out of range or do not fit together.</summary>
public class BadOptionTests
{
    [Theory]
    [InlineData("--keep 0", "--keep 0", "1 to 64")]
    [InlineData("--keep 65", "--keep 65", "1 to 64")]
    [InlineData("--keep -3", "--keep", "1 to 64")]
    [InlineData("--keep many", "--keep", "a whole number, not 'many'")]
    [InlineData("--keep 99999999999", "--keep", "a whole number, not '99999999999'")]
    [InlineData("--keep-ratio half", "--keep-ratio", "a number, not 'half'")]
    [InlineData("--seed -1", "--seed", "a whole number of 0 or more, not '-1'")]
    [InlineData("--keep-ratio 0", "--keep-ratio", "(0, 1]")]
    [InlineData("--keep-ratio 1.5", "--keep-ratio", "(0, 1]")]
    [InlineData("--keep-ratio NaN", "--keep-ratio", "(0, 1]")]
    [InlineData("--keep 8 --keep-ratio 0.5", "--keep", "--keep-ratio")]
    [InlineData("--method flowcut", "--method flowcut", "--keep N")]
    [InlineData("--method flowcutt --keep 8", "flowcutt", "the methods are flowcut")]
    [InlineData("--set ema=0.3", "--set", "--keep")]
    [InlineData("--keep 8 --set emma=0.3", "emma", "criteria, semantic, ema, prune-every, schedule")]
    [InlineData("--keep 8 --set ema=2", "ema", "(0, 1]")]
    [InlineData("--keep 8 --set schedule=sometimes", "schedule", "adaptive, fixed:R")]
    [InlineData("--keep 8 --set ema", "--set", "name=value")]
    [InlineData("--keep 8 --set ema=0.3 --set ema=0.4", "ema", "twice")]
    [InlineData("--max-tokens 0", "at least 1", "0")]
    [InlineData("--max-tokens -1", "at least 1", "-1")]
    [InlineData("--max-tokens some", "--max-tokens", "some")]
    [InlineData("--temperature -1", "temperature", "-1")]
    [InlineData("--temperature NaN", "temperature", "NaN")]
    [InlineData("--top-p 0", "top-p", "(0, 1]")]
    [InlineData("--top-k -1", "top-k", "-1")]
    [InlineData("--preprocess crop", "--preprocess", "original or hf")]
    [InlineData("--device tpu", "--device", "auto, cpu, cuda")]
    [InlineData("--dtype f64", "--dtype", "auto, f32, f16 or bf16")]
    [InlineData("--dtype bf16", "bf16", "--dtype f32")]
    [InlineData("--llm-stage 4", "N@LAYER", "off")]
    [InlineData("--llm-stage 65@1", "--llm-stage 65", "1 to 64")]
    [InlineData("--llm-stage 4@3", "layer 3", "0 to 2")]
    [InlineData("--unknown", "--unknown", "--help")]
    public void A_value_that_makes_no_sense(string options, string option, string reason)
    {
        var given = options.Split(' ');
        var rest = Sample.Generate()[1..].ToList();
        // the test's value in place of the sample's
        foreach (var name in given.Where(g => g.StartsWith("--", StringComparison.Ordinal) && rest.Contains(g)).ToList()) rest.RemoveRange(rest.IndexOf(name), 2);
        Refusal.AssertRefused(["generate", .. given, .. rest, "--trace", "trace.safetensors", "--overlay", "overlay.png"], option, reason);
    }

    [Theory]
    [InlineData("")]
    [InlineData("   ")]
    public void An_empty_prompt(string prompt) => Refusal.AssertRefused(Generate(prompt), "prompt", "empty");

    [Fact]
    public void A_prompt_longer_than_the_context() =>
        Refusal.AssertRefused(Generate(string.Concat(Enumerable.Repeat("tree ", 5000))), "prompt", "4096");

    [Fact]
    public void A_raw_prompt_without_a_place_for_the_picture() =>
        Refusal.AssertRefused([.. Generate("no marker"), "--raw-prompt"], "<image>", "1 pictures");

    [Theory]
    [InlineData("--model")]
    [InlineData("--image")]
    [InlineData("--prompt")]
    public void A_required_option_that_is_missing(string option)
    {
        var arguments = Generate("What?").ToList();
        arguments.RemoveRange(arguments.IndexOf(option), 2);
        Refusal.AssertRefused(arguments, option, "required");
    }

    [Theory]
    [InlineData("describe")]
    [InlineData("generte")]
    public void A_command_that_does_not_exist(string command) => Refusal.AssertRefused([command], command, "generate, chat, analyze");

    [Theory]
    [InlineData("", "'flowcut --help'")]
    [InlineData("model", "'flowcut model --help'")]
    [InlineData("model info", "'flowcut model info --help'")]
    [InlineData("generate", "'flowcut generate --help'")]
    public void A_command_that_is_not_finished(string arguments, string help) =>
        Refusal.AssertRefused(arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries), help);

    [Theory]
    [InlineData("bench", "--model DIR or --synthetic NAME")]
    [InlineData("bench --synthetic clip-of-nowhere", "clip-of-nowhere")]
    [InlineData("bench --synthetic clip-l-336 --rounds 0", "--rounds")]
    [InlineData("bench --synthetic clip-l-336 --layers 0", "layers")]
    [InlineData("model info nowhere", "nowhere")]
    [InlineData("model convert nowhere out", "nowhere")]
    [InlineData("tokenize --model nowhere", "nowhere")]
    [InlineData("chat --model nowhere --device cpu", "nowhere")]
    public void Other_commands(string arguments, string named) => Refusal.AssertRefused(arguments.Split(' '), named);

    private static string[] Generate(string prompt) =>
        ["generate", "--model", Sample.Model, "--image", Sample.Picture, "--prompt", prompt, "--device", "cpu", "--max-tokens", "2", "--trace", "trace.safetensors"];
}
