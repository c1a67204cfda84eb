using FlowCut.Cli.Tests.Infrastructure;

namespace FlowCut.Cli.Tests;

/// <summary>A dialogue by standard input.</summary>
public class ChatTests
{
    private const string Question = "What animal is in the picture?";

    [Fact]
    public void The_first_answer_is_that_of_generate()
    {
        var expected = FlowcutCommand.Run(Sample.Generate("--keep", "16")).Output;
        var result = Chat($"{Question}\n/exit\nnever asked\n", "--keep", "16");
        Assert.True(result.ExitStatus == 0, result.Error);
        Assert.Equal(expected, result.Output);
    }

    [Fact]
    public void Commands_change_the_budget_and_clear_forgets()
    {
        var result = Chat($"/stats\n{Question}\n/stats\n/clear\n/keep 8\n{Question}\n/stats\n/clear\n/method flowcut\n/keep all\n{Question}\n/stats\n/exit\n");
        Assert.True(result.ExitStatus == 0, result.Error);
        Assert.Equal("no answer yet", result.ErrorLines[0]);
        var kept = result.ErrorLines[1..].Select(l => l[..l.IndexOf(" ·", StringComparison.Ordinal)]);
        Assert.Equal(["visual tokens 64 of 64", "visual tokens 8 of 64", "visual tokens 64 of 64"], kept);
        // greedy, the same question, nothing remembered: the last answer is the first
        var answers = Answers(result);
        Assert.Equal(3, answers.Length);
        Assert.Equal(answers[0], answers[2]);
        Assert.NotEqual(answers[0], answers[1]);
    }

    /// <summary>Options and stage belong to the method, not to one of its budgets.</summary>
    [Theory]
    [InlineData("--set", "criteria=attention")]
    [InlineData("--llm-stage", "2@0")]
    public void A_new_budget_leaves_options_and_the_stage_as_they_were(string option, string value)
    {
        const string Again = $"{Question}\n/clear\n";
        var result = Chat($"/keep 8\n{Again}/method flowcut\n{Again}/keep all\n{Again}/keep 8\n{Again}", "--keep", "16", option, value);
        Assert.True(result.ExitStatus == 0, result.Error);
        var answers = Answers(result);
        Assert.Equal(FlowcutCommand.Run(Sample.Generate("--keep", "8", option, value)).Output.TrimEnd(), answers[0]);
        Assert.NotEqual(FlowcutCommand.Run(Sample.Generate("--keep", "8")).Output.TrimEnd(), answers[0]);
        Assert.Equal([answers[0], answers[0], FlowcutCommand.Run(Sample.Generate()).Output.TrimEnd(), answers[0]], answers);
    }

    [Fact]
    public void Earlier_turns_are_remembered_until_they_are_cleared()
    {
        var result = Chat($"{Question}\n/stats\n{Question}\n/stats\n/clear\n{Question}\n/stats\n");
        Assert.True(result.ExitStatus == 0, result.Error);
        var prompts = result.ErrorLines.Select(l => int.Parse(l.Split(" · ")[1].Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture)).ToArray();
        Assert.Equal(3, prompts.Length);
        Assert.True(prompts[1] > prompts[0]);
        Assert.Equal(prompts[0], prompts[2]);
    }

    [Theory]
    [InlineData("/keep 0", "1 to 64")]
    [InlineData("/keep 65", "1 to 64")]
    [InlineData("/method fastest", "the methods are")]
    [InlineData("/image nowhere.png", "nowhere.png")]
    [InlineData("/dance", "/image FILE, /keep N|all")]
    public void A_mistake_is_said_and_the_dialogue_goes_on(string mistake, string reason)
    {
        var result = Chat($"{mistake}\n{Question}\n");
        Assert.Equal(0, result.ExitStatus);
        Assert.Contains(reason, Assert.Single(result.ErrorLines), StringComparison.Ordinal);
        Assert.Single(Answers(result));
    }

    [Fact]
    public void A_picture_may_be_named_later()
    {
        var result = FlowcutCommand.Run(["chat", "--model", Sample.Model, "--device", "cpu", "--max-tokens", "4", "--ignore-eos"], input: $"/image {Sample.Picture}\n{Question}\n/stats\n");
        Assert.Equal(0, result.ExitStatus);
        Assert.StartsWith("visual tokens 64 of 64", Assert.Single(result.ErrorLines), StringComparison.Ordinal);
    }

    private static CommandResult Chat(string input, params string[] options) =>
        FlowcutCommand.Run(["chat", "--model", Sample.Model, "--image", Sample.Picture, "--device", "cpu", "--max-tokens", "8", "--ignore-eos", .. options], input: input);

    private static string[] Answers(CommandResult result) => result.Output.Split(Environment.NewLine)[..^1];
}
